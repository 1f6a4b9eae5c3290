import type { Logger } from 'pino'

/** Where the configuration that is being served came from. */
export type Tier = 'none' | 'backup' | 's3' | 'postgres' | 'file'

export const TIERS: readonly Tier[] = ['none', 'backup', 's3', 'postgres', 'file']

/** How the configuration gets here; `since` says when `tier` and `connected` became what they are. */
export interface SyncState {
  tier: Tier
  /** Whether the source that the instance follows, mostly PostgreSQL, can be read now. */
  connected: boolean
  /** Why it can't, in plain words. */
  reason: string | undefined
  since: string
  /** The backup's digest did not fit its content: somebody edited it. */
  edited: boolean
  /** The backup that is served. */
  file: string | undefined
}

/** Keeps and logs where the configuration comes from, step by step, and how old it may be. */
export class ConfigTier {
  readonly #log: Logger
  /** When the served configuration was last known to be the current one. */
  #currentAt = Date.now()
  #state: SyncState = {
    tier: 'none',
    connected: false,
    reason: 'starting',
    since: new Date().toISOString(),
    edited: false,
    file: undefined,
  }

  constructor(log: Logger) {
    this.#log = log
  }

  get state(): SyncState {
    return this.#state
  }

  get ageSeconds(): number {
    if (this.#state.connected || this.#state.tier === 'none') return 0
    return Math.max(0, (Date.now() - this.#currentAt) / 1000)
  }

  /** `currentAt`: when what is served from now on was known to be current, if not now. */
  moveTo(change: Partial<SyncState>, currentAt?: number): void {
    const before = this.#state
    const next = { ...before, ...change }
    if (next.tier !== 'backup') Object.assign(next, { edited: false, file: undefined })
    const isNewTier = next.tier !== before.tier
    if (isNewTier || next.connected !== before.connected) next.since = new Date().toISOString()
    if (currentAt !== undefined && Number.isFinite(currentAt)) this.#currentAt = currentAt
    else if (before.connected || next.connected) this.#currentAt = Date.now()
    this.#state = next
    if (isNewTier) {
      const { tier, reason, file } = next
      const line = { tier, before: before.tier, reason, file }
      this.#log[next.connected ? 'info' : 'warn'](line, 'configuration tier changed')
    }
  }
}
