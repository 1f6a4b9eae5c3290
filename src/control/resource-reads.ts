import type { StoredResource } from '../store/config-repository.ts'
import type { ResourceSecrets } from '../support/resource-secrets.ts'
import { TimeSlice } from '../support/time-slice.ts'
import type { AdminRequest, ResourceHandler } from './admin-request.ts'
import { type Answer, keyNotFound, refusal } from './answer.ts'
import type { ConfigReader, Reading } from './config-reader.ts'
import { parseFilter } from './list-filter.ts'
import { pageOf } from './list-page.ts'
import { entityTag, isKnown } from './preconditions.ts'
import { showResource } from './resource-answer.ts'
import type { ResourceDefinition } from './resource-definition.ts'

/** Answers GET for one kind. */
export function createResourceReads(
  definition: ResourceDefinition,
  reader: Pick<ConfigReader, 'get' | 'list'>,
  secrets: Pick<ResourceSecrets, 'show'>,
): Pick<ResourceHandler, 'GET'> {
  const { kind } = definition

  async function readOne({ group, ifNoneMatch }: AdminRequest, id: string): Promise<Answer> {
    const reading = await reader.get(group, kind, id)
    const stored = reading.value
    const headers = freshnessHeaders(reading)
    if (stored === undefined) return { ...keyNotFound(), headers }
    const tagged = { ...headers, etag: entityTag(stored.revision) }
    if (isKnown(ifNoneMatch, stored.revision)) {
      return { status: 304, body: undefined, headers: tagged }
    }
    return { status: 200, body: showResource(definition, stored, secrets), headers: tagged }
  }

  async function readAll({ group, query, scope = '' }: AdminRequest): Promise<Answer> {
    const filter = parseFilter(kind, query)
    if (!filter.ok) return refusal(400, filter.reason)
    if (!(await hasOwner(group, scope))) return keyNotFound()
    const reading = await reader.list(group, kind)
    const isListed = ({ body }: StoredResource) =>
      (scope === '' || String(body.id).startsWith(scope)) && filter.test(body)
    const found = await eachInSlices(reading.value, (stored) => (isListed(stored) ? [stored] : []))
    const page = pageOf(found, query)
    if (!page.ok) return refusal(400, page.reason)
    const list = await eachInSlices(page.items, (stored) => [
      showResource(definition, stored, secrets),
    ])
    const body = { total: found.length, list }
    return { status: 200, body, headers: freshnessHeaders(reading) }
  }

  /** False when that is not there which the objects of the scope are parts of. */
  async function hasOwner(group: string, scope: string): Promise<boolean> {
    const owner = definition.owner?.(scope)
    if (owner === undefined) return true
    return (await reader.get(group, owner.kind, owner.id)).value !== undefined
  }

  return {
    GET: (request) => (request.id === undefined ? readAll(request) : readOne(request, request.id)),
  }
}

/** As flatMap; lets other work run in between. */
async function eachInSlices<T, R>(items: readonly T[], map: (item: T) => R[]): Promise<R[]> {
  const mapped: R[] = []
  const slice = new TimeSlice()
  for (const item of items) {
    mapped.push(...map(item))
    if (slice.due) await slice.pause()
  }
  return mapped
}

/** How old an answer may be, when it is not from the database. */
export function freshnessHeaders({ stale }: Reading<unknown>): Record<string, string> {
  if (!stale) return {}
  return {
    'x-config-stale': 'true',
    'x-config-age': `${Math.round(stale.ageMs / 1000)}`,
    'x-holdfast-revision': `${stale.revision}`,
  }
}
