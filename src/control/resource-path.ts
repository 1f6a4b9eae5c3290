import { credentialPrefix } from '../model/credential-id.ts'
import { isResourceKind, type ResourceKind } from '../model/resource-kind.ts'

/** What a URL under /apisix/admin names. */
export interface ResourcePath {
  kind: ResourceKind
  /** What the ids of this collection begin with, where it is part of one: `jack/credentials/`, `vault/`. */
  scope: string | undefined
  /** The object's whole id; undefined = the collection. */
  id: string | undefined
  /** What comes after the id. */
  subPath: string[]
}

/**
 * Reads the segments after /apisix/admin; undefined = there is no such resource. Credentials stand
 * under their consumer, secrets under their manager.
 */
export function parseResourcePath([name = '', ...rest]: string[]): ResourcePath | undefined {
  if (!isResourceKind(name)) return undefined
  const [first, second, ...others] = rest
  if (name === 'credentials') return undefined
  if (name === 'consumers' && first !== undefined && second === 'credentials') {
    return scoped('credentials', credentialPrefix(first), others)
  }
  if (name === 'secrets' && first !== undefined) {
    return scoped('secrets', `${first}/`, rest.slice(1))
  }
  return { kind: name, scope: undefined, id: first, subPath: rest.slice(1) }
}

function scoped(kind: ResourceKind, scope: string, [id, ...subPath]: string[]): ResourcePath {
  return { kind, scope, id: id === undefined ? undefined : scope + id, subPath }
}

/** An id as a body may give it, short or whole, made whole. */
export function wholeId(id: unknown, scope: string | undefined): string {
  const text = String(id)
  return scope === undefined || text.startsWith(scope) ? text : scope + text
}
