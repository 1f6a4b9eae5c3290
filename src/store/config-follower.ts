import type { Logger } from 'pino'
import type { Delta, RevisionMark } from '../model/revision.ts'
import type { Snapshot } from '../model/snapshot.ts'
import type { ChangeFeed, Hint } from './change-feed.ts'
import type { ResyncReason } from './config-deltas.ts'
import type { ConfigRepository } from './config-repository.ts'
import type { Database } from './database.ts'
import { retryDelayMs } from './failure.ts'

const MIN_RETRY_MS = 100
/** Reads are this far apart at least, however many hints come. */
const READ_GAP_MS = 5
const DELTAS_PER_READ = 200

/** Whether the follower can read. */
export interface FollowerState {
  connected: boolean
  /** Why not, in plain words. */
  reason?: string
  since: Date
}

/** Gets what happens, one call at a time: the next waits until a returned promise is settled. */
export interface FollowerListener {
  /**
   * `cause` tells why deltas could not lead here; `initial` = `start` had no revision to go on from.
   * What it throws is why the source can't be used, for now.
   */
  onSnapshot(snapshot: Snapshot, cause: 'initial' | 'rejected' | ResyncReason): Promise<void> | void
  /** Follows on the last delta or snapshot. When it throws, a snapshot is delivered instead. */
  onDelta(delta: Delta): Promise<void> | void
  onState(state: FollowerState): void
}

export interface ConfigFollowerOptions {
  repository: ConfigRepository
  /** Started and stopped by the caller; several followers may share one. */
  feed: ChangeFeed
  database: Database
  group: string
  log: Logger
  /** How often to look without a hint: what a lost one costs at most. Default 2000. */
  pollMs?: number
}

/** Delivers every revision of one group, in order, for as long as it runs. */
export interface ConfigFollower {
  readonly state: FollowerState
  /** Goes on from `from`; without it, begins with a snapshot. */
  start(from: RevisionMark | undefined, listener: FollowerListener): void
  /** Resolves when nothing more will be delivered. Idempotent. */
  stop(): Promise<void>
}

export function createConfigFollower(options: ConfigFollowerOptions): ConfigFollower {
  return new Follower(options)
}

/**
 * A loop: read what follows on `#mark`, deliver it, wait for a hint, a reconnect or the poll.
 * Hints that come during a read lead to one more read. A failed read waits with backoff, or until
 * the database is up.
 */
class Follower implements ConfigFollower {
  readonly #options: ConfigFollowerOptions
  #state: FollowerState = { connected: false, reason: 'not started', since: new Date() }
  #mark: RevisionMark | undefined
  #listener: FollowerListener | undefined
  #run: Promise<void> | undefined
  #stopped = false
  #dirty = false
  #wake = () => {}

  constructor(options: ConfigFollowerOptions) {
    this.#options = options
  }

  get state(): FollowerState {
    return this.#state
  }

  start(from: RevisionMark | undefined, listener: FollowerListener): void {
    if (this.#run !== undefined) return
    this.#mark = from
    this.#listener = listener
    this.#run = this.#follow(listener)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#wake()
    await this.#run
  }

  async #follow(listener: FollowerListener): Promise<void> {
    const unsubscribe = [
      this.#options.feed.onHint((hint) => this.#onHint(hint)),
      // Up: read at once. Down: the next read tells our listener so.
      this.#options.database.onState(() => this.#touch()),
    ]
    try {
      let attempt = 0
      while (!this.#stopped) {
        this.#dirty = false
        const error = await this.#catchUp(listener)
        attempt = error === undefined ? 0 : attempt + 1
        await this.#rest(attempt, error)
      }
    } finally {
      for (const off of unsubscribe) off()
    }
  }

  #onHint(hint: Hint | 'reconnected'): void {
    // While nothing can be taken over, the numbers may be those of another history.
    const known = this.#state.connected ? (this.#mark?.revision ?? -1) : -1
    const isNews =
      hint === 'reconnected' || (hint.group === this.#options.group && hint.revision > known)
    if (isNews) this.#touch()
  }

  #touch(): void {
    this.#dirty = true
    this.#wake()
  }

  async #rest(attempt: number, error: Error | undefined): Promise<void> {
    if (this.#stopped) return
    if (error === undefined) {
      await this.#sleep(READ_GAP_MS, () => false)
      await this.#sleep((this.#options.pollMs ?? 2000) - READ_GAP_MS, () => this.#dirty)
      return
    }
    const delayMs = retryDelayMs(error, attempt - 1)
    this.#options.log.debug({ err: error, attempt, delayMs }, 'config not readable')
    await this.#sleep(MIN_RETRY_MS, () => false)
    await this.#sleep(delayMs - MIN_RETRY_MS, () => this.#dirty)
  }

  /** Sleeps at most `ms`, and wakes when `enough` says so after a touch; always when stopped. */
  async #sleep(ms: number, enough: () => boolean): Promise<void> {
    if (this.#stopped || enough() || ms <= 0) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        if (!(this.#stopped || enough())) return
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wake = () => {}
  }

  /** Reads and delivers until the head is reached; returns what went wrong. */
  async #catchUp(listener: FollowerListener): Promise<Error | undefined> {
    try {
      let more = true
      while (more && !this.#stopped) more = await this.#step(listener)
      this.#setState({ connected: true })
      return undefined
    } catch (error) {
      this.#setState({ connected: false, reason: (error as Error).message })
      return error as Error
    }
  }

  /** One read and its delivery; true when there is more to read. */
  async #step(listener: FollowerListener): Promise<boolean> {
    const { repository, group } = this.#options
    const mark = this.#mark
    if (mark === undefined) return this.#resync(listener, 'initial')
    const result = await repository.loadDeltas(group, mark, DELTAS_PER_READ)
    if (result.resync !== undefined) return this.#resync(listener, result.resync)
    for (const delta of result.deltas) {
      if (this.#stopped) return false
      if (!(await this.#deliver(listener, delta))) return this.#resync(listener, 'rejected')
    }
    return result.more
  }

  async #deliver(listener: FollowerListener, delta: Delta): Promise<boolean> {
    try {
      await listener.onDelta(delta)
      this.#mark = delta.to
      return true
    } catch (err) {
      const { revision } = delta.to
      this.#options.log.error({ err, revision }, 'delta rejected, loading a snapshot instead')
      return false
    }
  }

  async #resync(
    listener: FollowerListener,
    cause: 'initial' | 'rejected' | ResyncReason,
  ): Promise<boolean> {
    const { repository, group, log } = this.#options
    const snapshot = await repository.loadSnapshot(group)
    const { epoch, revision, digest } = snapshot._meta
    if (this.#stopped) return false
    const line = { cause, revision, before: this.#mark?.revision }
    // A listener that refuses it throws: then it is read again, until it can be taken over.
    await listener.onSnapshot(snapshot, cause)
    const expected = cause === 'initial' || cause === 'trimmed' || cause === 'large'
    if (expected) log.info(line, 'snapshot loaded')
    else if (cause !== 'rejected') log.warn(line, 'history diverged, snapshot loaded')
    this.#mark = { epoch, revision, digest }
    return true
  }

  #setState(state: { connected: boolean; reason?: string }): void {
    const { connected, reason } = this.#state
    const first = reason === 'not started'
    if (!first && connected === state.connected && reason === state.reason) return
    this.#state = { ...state, since: new Date() }
    const { log } = this.#options
    if (!state.connected) log.warn({ reason: state.reason }, 'configuration source unavailable')
    else log.info('configuration source available')
    this.#listener?.onState(this.#state)
  }
}
