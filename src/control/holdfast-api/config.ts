import { isResourceKind, RESOURCE_KINDS, type ResourceKind } from '../../model/resource-kind.ts'
import type { Snapshot } from '../../model/snapshot.ts'
import type { ConfigRepository } from '../../store/config-repository.ts'
import type { ResourceSecrets } from '../../support/resource-secrets.ts'
import { TimeSlice } from '../../support/time-slice.ts'
import { type Answer, refusal } from '../answer.ts'
import type { ConfigReader } from '../config-reader.ts'
import { entityTag, isKnown } from '../preconditions.ts'
import { showBody } from '../resource-answer.ts'
import { RESOURCE_DEFINITIONS } from '../resource-definitions.ts'
import { freshnessHeaders } from '../resource-reads.ts'

export interface ConfigDeps {
  repository: Pick<ConfigRepository, 'readHead'>
  reader: Pick<ConfigReader, 'snapshot'>
  secrets: Pick<ResourceSecrets, 'show'>
}

interface ConfigRequest {
  group: string
  query: Record<string, unknown>
  ifNoneMatch: string | undefined
}

/** The whole configuration of a group, or of some kinds, as the other answers show it. */
export async function showConfig(
  { repository, reader, secrets }: ConfigDeps,
  { group, query, ifNoneMatch }: ConfigRequest,
): Promise<Answer> {
  const kinds = parseKinds(query['kind'])
  if (kinds === undefined) {
    return refusal(400, `invalid argument kind: should be some of ${RESOURCE_KINDS.join(',')}`)
  }
  const revision = ifNoneMatch && (await headRevision(repository, group))
  if (typeof revision === 'number' && isKnown(ifNoneMatch, revision)) {
    return { status: 304, body: undefined, headers: { etag: entityTag(revision) } }
  }
  const reading = await reader.snapshot(group)
  const body = await showSnapshot(reading.value, kinds, secrets)
  return {
    status: 200,
    body,
    headers: { etag: entityTag(body._meta.revision), ...freshnessHeaders(reading) },
  }
}

/** The snapshot as answers show objects, in slices. */
export async function showSnapshot(
  snapshot: Snapshot,
  kinds: readonly ResourceKind[],
  secrets: Pick<ResourceSecrets, 'show'>,
): Promise<Snapshot> {
  const shown: Snapshot = { _meta: snapshot._meta }
  const slice = new TimeSlice()
  for (const kind of kinds) {
    const bodies = []
    for (const body of snapshot[kind] ?? []) {
      bodies.push(showBody(RESOURCE_DEFINITIONS[kind], body, secrets))
      if (slice.due) await slice.pause()
    }
    if (bodies.length > 0) shown[kind] = bodies
  }
  return shown
}

/** While the database is away, the whole is read from memory instead. */
async function headRevision(
  repository: ConfigDeps['repository'],
  group: string,
): Promise<number | undefined> {
  return repository.readHead(group).then(
    (head) => head?.revision,
    () => undefined,
  )
}

function parseKinds(text: unknown): readonly ResourceKind[] | undefined {
  if (text === undefined) return RESOURCE_KINDS
  if (typeof text !== 'string') return undefined
  const names = text.split(',')
  return names.every(isResourceKind)
    ? RESOURCE_KINDS.filter((kind) => names.includes(kind))
    : undefined
}
