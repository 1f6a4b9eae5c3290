import type { ConfigState } from '../model/config-state.ts'
import { RESOURCE_KINDS, type ResourceBody, type ResourceKind } from '../model/resource-kind.ts'
import type { Delta } from '../model/revision.ts'
import { resourceId, type Snapshot } from '../model/snapshot.ts'
import type { ConfigRepository, StoredResource } from '../store/config-repository.ts'
import { loadConfigState } from '../support/load-config-state.ts'
import { TimeSlice } from '../support/time-slice.ts'

/** Which revisions created and last changed an object. */
interface Revisions {
  createdRevision: number
  revision: number
}

/**
 * The last known configuration of one group, for reads while PostgreSQL is away. Fed by a follower,
 * whose listener it is.
 */
export class ConfigMirror {
  readonly #group: string
  readonly #repository: Pick<ConfigRepository, 'list'>
  readonly #now: () => number
  #state: ConfigState | undefined
  #revisions = new Map<string, Revisions>()
  #connected = false
  #currentAt = 0

  constructor(group: string, repository: Pick<ConfigRepository, 'list'>, now: () => number) {
    this.#group = group
    this.#repository = repository
    this.#now = now
  }

  /** False until the first snapshot: then there is nothing to read. */
  get loaded(): boolean {
    return this.#state !== undefined
  }

  get revision(): number {
    return this.#state?.mark.revision ?? 0
  }

  /** For how long changes may have been missed. */
  get ageMs(): number {
    return this.#connected ? 0 : this.#now() - this.#currentAt
  }

  get(kind: ResourceKind, id: string): StoredResource | undefined {
    const body = this.#state?.get(kind, id)
    return body && this.#stored(kind, id, body)
  }

  list(kind: ResourceKind): StoredResource[] {
    const collection = this.#state?.collection(kind) ?? new Map<string, ResourceBody>()
    return [...collection].map(([id, body]) => this.#stored(kind, id, body))
  }

  /** The whole configuration; undefined when there is nothing to read. */
  snapshot(): Snapshot | undefined {
    return this.#state?.toSnapshot(new Date(this.#now()))
  }

  async onSnapshot(snapshot: Snapshot): Promise<void> {
    const state = await loadConfigState(snapshot)
    this.#revisions = await this.#loadRevisions(snapshot)
    this.#state = state
  }

  onDelta(delta: Delta): void {
    const { revision } = delta.to
    for (const change of delta.changes) {
      const key = `${change.kind}/${change.id}`
      if (change.op === 'delete') this.#revisions.delete(key)
      else {
        const { createdRevision = revision } = this.#revisions.get(key) ?? {}
        this.#revisions.set(key, { createdRevision, revision })
      }
    }
    this.#state?.apply(delta)
  }

  onState({ connected }: { connected: boolean }): void {
    if (this.#connected && !connected) this.#currentAt = this.#now()
    this.#connected = connected
  }

  #stored(kind: ResourceKind, id: string, body: ResourceBody): StoredResource {
    const { revision } = this
    const known = this.#revisions.get(`${kind}/${id}`) ?? { createdRevision: revision, revision }
    return { body, ...known }
  }

  /** Snapshots do not say which revision an object is of; if the database cannot either, theirs will do. */
  async #loadRevisions(snapshot: Snapshot): Promise<Map<string, Revisions>> {
    const revisions = new Map<string, Revisions>()
    const slice = new TimeSlice()
    try {
      for (const kind of RESOURCE_KINDS) {
        if (!snapshot[kind]?.length) continue
        for (const { body, createdRevision, revision } of await this.#repository.list(
          this.#group,
          kind,
        )) {
          revisions.set(`${kind}/${resourceId(kind, body)}`, { createdRevision, revision })
          if (slice.due) await slice.pause()
        }
      }
    } catch {
      // Connection lost in between; the follower notices by itself.
    }
    return revisions
  }
}
