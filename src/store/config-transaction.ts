import type { ResourceBody, ResourceKind } from '../model/resource-kind.ts'
import type { ConfigDocument, StoredDocument } from './config-document.ts'
import type { StoredResource } from './config-pages.ts'

/** Names an object. */
export interface ResourceKey {
  kind: ResourceKind
  id: string
}

/** An object that refers to another one. */
export interface Referrer extends ResourceKey {
  body: ResourceBody
}

/** Reads and writes of one group inside its write transaction; the group's lock is held. */
export interface ConfigTransaction {
  /** The group's, before this write. */
  readonly revision: number
  get(kind: ResourceKind, id: string): Promise<StoredResource | undefined>
  /** Reads many objects with few statements; `get` of these costs nothing afterwards. */
  prefetch(keys: readonly ResourceKey[]): Promise<void>
  /** The objects that refer to any of these (see resource-references.ts), at most `limit` of them; those that this transaction writes come last. */
  referrers(targets: readonly ResourceKey[], limit?: number): Promise<Referrer[]>
  /** In order of id, with what this transaction has changed. */
  list(kind: ResourceKind): Promise<StoredResource[]>
  /**
   * Creates or replaces an object. The body must not be changed afterwards.
   * @throws ConfigError GW_CONFIG_INVALID for what jsonb cannot hold.
   */
  put(kind: ResourceKind, id: string, body: ResourceBody): void
  /** False when there is no such object. */
  delete(kind: ResourceKind, id: string): Promise<boolean>
  /** What was said of the whole configuration last, and at which revision. */
  document(): Promise<StoredDocument | undefined>
  /** Says it of the configuration as this transaction leaves it. */
  setDocument(document: ConfigDocument): void
  /**
   * Puts all objects back as they were at an earlier revision and returns those that change; undefined
   * when the log does not have that revision. To be used alone: it does not see other changes.
   */
  restore(revision: number): Promise<PastResource[] | undefined>
}

/** An object as it was at an earlier revision. */
export interface PastResource {
  kind: ResourceKind
  id: string
  op: 'put' | 'delete'
}
