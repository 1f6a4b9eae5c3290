import type { Logger } from 'pino'
import { ConfigState } from '../model/config-state.ts'
import { RESOURCE_KINDS } from '../model/resource-kind.ts'
import type { Delta } from '../model/revision.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { PLAIN_SECRETS, type ResourceSecrets } from '../support/resource-secrets.ts'
import { TimeSlice } from '../support/time-slice.ts'
import type { Backup } from './backup.ts'
import type { ConfigSource } from './postgres-source.ts'
import { ServingConfig } from './serving-config.ts'

/** Where the configuration that is being served came from. */
export type Tier = 'none' | 'backup' | 'postgres'

/** How the configuration gets here; `since` says when `tier` and `connected` became what they are. */
export interface SyncState {
  tier: Tier
  /** Whether the source above the backup, PostgreSQL, can be read now. */
  connected: boolean
  /** Why it can't, in plain words. */
  reason: string | undefined
  since: string
  /** The backup's digest did not fit its content: somebody edited it. */
  edited: boolean
}

export interface ConfigEvents {
  /** All of the configuration is new. */
  onSnapshot(config: ServingConfig): void
  /** The configuration given last has changed by this. */
  onDelta(delta: Delta): void
}

/**
 * Finds the configuration to serve and keeps it current: from the backup at once where there is
 * one, from PostgreSQL as soon as it answers, by its revisions from then on.
 */
export class ConfigService {
  readonly #source: ConfigSource
  readonly #backup: Backup
  readonly #log: Logger
  readonly #events: ConfigEvents
  readonly #secrets: ResourceSecrets
  #serving: ServingConfig | undefined
  #changedAt = Date.now()
  #state: SyncState = {
    tier: 'none',
    connected: false,
    reason: 'starting',
    since: new Date().toISOString(),
    edited: false,
  }

  constructor(
    source: ConfigSource,
    backup: Backup,
    log: Logger,
    events: ConfigEvents,
    secrets: ResourceSecrets = PLAIN_SECRETS,
  ) {
    this.#secrets = secrets
    this.#source = source
    this.#backup = backup
    this.#log = log
    this.#events = events
  }

  get serving(): ServingConfig | undefined {
    return this.#serving
  }

  /** When the present revision arrived, in milliseconds since 1970. */
  get changedAt(): number {
    return this.#changedAt
  }

  get state(): SyncState {
    return this.#state
  }

  async start(): Promise<void> {
    const snapshot = await this.#backup.load()
    if (snapshot !== undefined) {
      await this.#adopt(snapshot)
      const edited = this.#serving?.source.mark.digest !== snapshot._meta.digest
      if (edited) this.#log.warn('the backup was edited: its digest does not fit its content')
      this.#moveTo({ tier: 'backup', edited })
    }
    this.#source.start(this.#serving?.source.mark, {
      onSnapshot: async (snapshot) => {
        await this.#adopt(snapshot)
        this.#moveTo({ tier: 'postgres', connected: true, reason: undefined, edited: false })
        this.#backup.schedule()
      },
      onDelta: (delta) => this.#apply(delta),
      onState: ({ connected, reason }) => {
        // Connected says: the revision we have is, or is about to be, the one in the database.
        const tier = connected && this.#serving !== undefined ? 'postgres' : this.#state.tier
        this.#moveTo({ connected, reason, tier })
      },
    })
  }

  async stop(): Promise<void> {
    await this.#source.stop()
    await this.#backup.stop()
  }

  async #adopt(snapshot: Snapshot): Promise<void> {
    const source = await loadState(snapshot)
    this.#serving = await ServingConfig.build(source, this.#serving, this.#secrets)
    this.#changedAt = Date.now()
    const { quarantined } = this.#serving
    const { revision } = snapshot._meta
    this.#log.info({ revision, objects: source.size, quarantined }, 'snapshot adopted')
    this.#events.onSnapshot(this.#serving)
  }

  #apply(delta: Delta): void {
    if (this.#serving === undefined) throw new Error('delta before snapshot')
    const served = this.#serving.apply(delta)
    this.#changedAt = Date.now()
    this.#log.info({ revision: delta.to.revision, changes: delta.changes.length }, 'delta applied')
    for (const object of this.#serving.quarantined) {
      const changed = delta.changes.some(({ kind, id }) => kind === object.kind && id === object.id)
      if (changed) this.#log.error({ ...object }, 'object quarantined, last good version serves')
    }
    this.#events.onDelta(served)
    this.#backup.schedule()
  }

  #moveTo(change: Partial<SyncState>): void {
    const next = { ...this.#state, ...change }
    const moved = next.tier !== this.#state.tier || next.connected !== this.#state.connected
    if (moved) {
      next.since = new Date().toISOString()
      if (next.tier !== this.#state.tier) {
        this.#log.info({ tier: next.tier, before: this.#state.tier }, 'configuration tier changed')
      }
    }
    this.#state = next
  }
}

/** Builds the state in slices: hashing 100 000 objects at once would stall the event loop. */
async function loadState(snapshot: Snapshot): Promise<ConfigState> {
  const state = new ConfigState(snapshot._meta.group, snapshot._meta)
  const slice = new TimeSlice()
  for (const kind of RESOURCE_KINDS) {
    for (const body of snapshot[kind] ?? []) {
      state.load(kind, body)
      if (slice.due) await slice.pause()
    }
  }
  return state
}
