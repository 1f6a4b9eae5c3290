import { isCredentialId } from './credential-id.ts'
import type { ResourceBody, ResourceKind } from './resource-kind.ts'
import type { RevisionMark } from './revision.ts'

export const SNAPSHOT_FORMAT = 1

/** What a snapshot says of itself. */
export interface SnapshotMeta extends RevisionMark {
  /** Version of the snapshot format; a reader refuses one larger than SNAPSHOT_FORMAT. */
  format: number
  group: string
  /** ISO 8601, UTC. */
  generatedAt: string
  /** In a backup: objects that are not served as written, and what is served instead. */
  quarantined?: QuarantinedObject[]
}

export interface QuarantinedObject {
  kind: ResourceKind
  id: string
  reason: string
  /** The last good version, if there ever was one. */
  lastGood?: ResourceBody
}

/**
 * A complete configuration of one gateway group: backup file, S3 object, `config dump`, IPC.
 * Collections are under their APISIX names; a missing collection is an empty one.
 */
export type Snapshot = { _meta: SnapshotMeta } & Partial<Record<ResourceKind, ResourceBody[]>>

/** Id of an object in its collection: consumers are keyed by `username`, all others by `id`. */
export function resourceId(kind: ResourceKind, body: ResourceBody): string {
  const id = kind === 'consumers' ? body['username'] : body.id
  return String(id)
}

/**
 * The collection that an object of a file belongs to: APISIX keeps credentials among consumers there,
 * told apart by their ids.
 */
export function collectionOf(kind: ResourceKind, { id }: ResourceBody): ResourceKind {
  return kind === 'consumers' && isCredentialId(id) ? 'credentials' : kind
}

/** Kinds in the order in which they are loaded: what is referred to comes before what refers. */
export const LOAD_ORDER: readonly ResourceKind[] = [
  'plugin_metadata',
  'secrets',
  'ssls',
  'protos',
  'upstreams',
  'plugin_configs',
  'services',
  'consumer_groups',
  'consumers',
  'credentials',
  'global_rules',
  'routes',
  'stream_routes',
]
