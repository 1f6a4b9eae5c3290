/** Collections of the APISIX model, by the name they have in URLs, snapshots and the database. */
export const RESOURCE_KINDS = [
  'routes',
  'services',
  'upstreams',
  'consumers',
  'credentials',
  'consumer_groups',
  'plugin_configs',
  'global_rules',
  'plugin_metadata',
  'ssls',
  'stream_routes',
  'protos',
  'secrets',
] as const

export type ResourceKind = (typeof RESOURCE_KINDS)[number]

export function isResourceKind(name: string): name is ResourceKind {
  return (RESOURCE_KINDS as readonly string[]).includes(name)
}

/** True where plugins' consumer schemas apply: `plugins` says who somebody is, not what to do. */
export function isOfConsumer(kind: ResourceKind): boolean {
  return kind === 'consumers' || kind === 'credentials'
}

/**
 * A stored object before its schema has spoken: JSON, with at least its id. Consumers are keyed by
 * `username`, all others by `id`; the id is in the body too, as APISIX keeps it. Credentials have
 * `<username>/credentials/<id>` for an id, secrets `<manager>/<id>`.
 */
export interface ResourceBody {
  id?: string | number
  create_time?: number
  update_time?: number
  [field: string]: unknown
}
