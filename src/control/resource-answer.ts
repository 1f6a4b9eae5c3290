import type { ResourceBody } from '../model/resource-kind.ts'
import type { ResourceSecrets } from '../support/resource-secrets.ts'
import type { ResourceDefinition } from './resource-definition.ts'

/** An object as the Admin API shows it. */
export interface ShownResource {
  key: string
  value: ResourceBody
  /** Revision that created it. */
  createdIndex: number
  /** Revision that last changed it. */
  modifiedIndex: number
}

/** Puts a stored object into APISIX's envelope, without what nobody may see. Private keys stay encrypted. */
export function showResource(
  definition: ResourceDefinition,
  { body, createdRevision, revision }: StoredBody,
  secrets: Pick<ResourceSecrets, 'show'>,
): ShownResource {
  const { kind, key } = definition
  const value = showBody(definition, body, secrets)
  // The consumer's name is in the URL already.
  if (kind === 'credentials') value.id = shortId(String(body.id))
  return {
    key: keyOf(kind, String(body[key])),
    value,
    createdIndex: createdRevision,
    modifiedIndex: revision,
  }
}

/** A stored object without what nobody may see. */
export function showBody(
  { kind, hidden = [] }: ResourceDefinition,
  body: ResourceBody,
  secrets: Pick<ResourceSecrets, 'show'>,
): ResourceBody {
  const value: ResourceBody = { ...secrets.show(kind, body) }
  for (const field of hidden) delete value[field]
  return value
}

interface StoredBody {
  body: ResourceBody
  createdRevision: number
  revision: number
}

/** The name of an object in APISIX's store. */
export function keyOf(kind: string, id: string): string {
  return `/apisix/${kind === 'credentials' ? 'consumers' : kind}/${id}`
}

function shortId(id: string): string {
  return id.slice(id.lastIndexOf('/') + 1)
}
