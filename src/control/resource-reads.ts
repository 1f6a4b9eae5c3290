import type { ResourceSecrets } from '../support/resource-secrets.ts'
import type { AdminRequest, ResourceHandler } from './admin-request.ts'
import { type Answer, keyNotFound, refusal } from './answer.ts'
import type { ConfigReader, Reading } from './config-reader.ts'
import { pageOf } from './list-page.ts'
import { showResource } from './resource-answer.ts'
import type { ResourceDefinition } from './resource-definition.ts'

/** Answers GET for one kind. */
export function createResourceReads(
  definition: ResourceDefinition,
  reader: ConfigReader,
  secrets: Pick<ResourceSecrets, 'show'>,
): Pick<ResourceHandler, 'GET'> {
  const { kind } = definition

  async function readOne(group: string, id: string): Promise<Answer> {
    const reading = await reader.get(group, kind, id)
    const answer: Answer =
      reading.value === undefined
        ? keyNotFound()
        : { status: 200, body: showResource(definition, reading.value, secrets) }
    return withFreshness(answer, reading)
  }

  async function readAll({ group, query, scope = '' }: AdminRequest): Promise<Answer> {
    const reading = await reader.list(group, kind)
    const shown = reading.value
      .filter(({ body }) => scope === '' || String(body.id).startsWith(scope))
      .map((stored) => showResource(definition, stored, secrets))
    const page = pageOf(shown, query)
    if (!page.ok) return refusal(400, page.reason)
    const { total, list } = page
    return withFreshness({ status: 200, body: { total, list } }, reading)
  }

  return {
    GET: (request) =>
      request.id === undefined ? readAll(request) : readOne(request.group, request.id),
  }
}

function withFreshness(answer: Answer, { stale }: Reading<unknown>): Answer {
  if (!stale) return answer
  return {
    ...answer,
    headers: {
      'x-config-stale': 'true',
      'x-config-age': `${Math.round(stale.ageMs / 1000)}`,
      'x-holdfast-revision': `${stale.revision}`,
    },
  }
}
