import { ContentDigest } from './digest.ts'
import { ProtocolError } from './errors.ts'
import { RESOURCE_KINDS, type ResourceBody, type ResourceKind } from './resource-kind.ts'
import type { Delta, RevisionMark } from './revision.ts'
import { resourceId, SNAPSHOT_FORMAT, type Snapshot } from './snapshot.ts'

/**
 * The configuration of one gateway group in memory: a snapshot, kept current by deltas.
 * Bodies are shared and must be treated as immutable.
 */
export class ConfigState {
  readonly group: string
  readonly #collections: Record<ResourceKind, Map<string, ResourceBody>>
  readonly #digest = new ContentDigest()
  #epoch: string
  #revision: number

  /** An empty state that says it is at `revision`: fill it with `load` before use. */
  constructor(group: string, at: { epoch: string; revision: number }) {
    this.group = group
    this.#epoch = at.epoch
    this.#revision = at.revision
    this.#collections = Object.fromEntries(
      RESOURCE_KINDS.map((kind) => [kind, new Map<string, ResourceBody>()]),
    ) as Record<ResourceKind, Map<string, ResourceBody>>
  }

  /** Takes over all resources of the snapshot; its digest is computed anew, not believed. */
  static from(snapshot: Snapshot): ConfigState {
    const state = new ConfigState(snapshot._meta.group, snapshot._meta)
    for (const kind of RESOURCE_KINDS) {
      for (const body of snapshot[kind] ?? []) state.load(kind, body)
    }
    return state
  }

  /** Adds one object of the revision that the state was created at; in slices for large ones. */
  load(kind: ResourceKind, body: ResourceBody): void {
    this.#put(kind, resourceId(kind, body), body)
  }

  get mark(): RevisionMark {
    return { epoch: this.#epoch, revision: this.#revision, digest: this.#digest.toString() }
  }

  get(kind: ResourceKind, id: string): ResourceBody | undefined {
    return this.#collections[kind].get(id)
  }

  /** The live collection, in insertion order. */
  collection(kind: ResourceKind): ReadonlyMap<string, ResourceBody> {
    return this.#collections[kind]
  }

  /** Number of objects of all kinds. */
  get size(): number {
    return RESOURCE_KINDS.reduce((sum, kind) => sum + this.#collections[kind].size, 0)
  }

  /**
   * Applies the next revision, or what amends this one.
   * @throws ProtocolError when the delta does not follow on this state, or when the digest it
   * leads to is not the announced one; the state must then be replaced by a snapshot.
   */
  apply(delta: Delta): void {
    const { to, changes, amends } = delta
    const due = this.#revision + (amends ? 0 : 1)
    if (to.epoch !== this.#epoch || to.revision !== due) {
      throw new ProtocolError(
        'GW_SNAPSHOT_INVALID',
        `delta to ${to.epoch}/${to.revision} does not follow on ${this.#epoch}/${this.#revision}`,
      )
    }
    for (const change of changes) {
      if (change.op === 'put') this.#put(change.kind, change.id, change.body)
      else this.#delete(change.kind, change.id)
    }
    this.#revision = to.revision
    if (this.#digest.toString() !== to.digest) {
      throw new ProtocolError(
        'GW_SNAPSHOT_INVALID',
        `digest after revision ${to.revision} differs from the announced one`,
      )
    }
  }

  /** This state as a snapshot; collections are copied, bodies are shared. */
  toSnapshot(generatedAt: Date): Snapshot {
    const snapshot: Snapshot = {
      _meta: {
        format: SNAPSHOT_FORMAT,
        group: this.group,
        ...this.mark,
        generatedAt: generatedAt.toISOString(),
      },
    }
    for (const kind of RESOURCE_KINDS) {
      const bodies = [...this.#collections[kind].values()]
      if (bodies.length > 0) snapshot[kind] = bodies
    }
    return snapshot
  }

  #put(kind: ResourceKind, id: string, body: ResourceBody): void {
    this.#delete(kind, id)
    this.#collections[kind].set(id, body)
    this.#digest.add(kind, id, body)
  }

  #delete(kind: ResourceKind, id: string): void {
    const collection = this.#collections[kind]
    const old = collection.get(id)
    if (old === undefined) return
    collection.delete(id)
    this.#digest.remove(kind, id, old)
  }
}
