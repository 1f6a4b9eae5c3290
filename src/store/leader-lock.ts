import type { Logger } from 'pino'
import { StoreError } from '../model/errors.ts'
import { CuttableClient } from './client.ts'
import { type ConnectionTarget, parseConnectionTarget } from './connection-target.ts'
import { codeOf, describeFailure, retryDelayMs } from './failure.ts'
import { electHost } from './host-election.ts'

/** Of the two numbers that name an advisory lock, ours: "HOLD". */
const LOCK_SPACE = 0x48_4f_4c_44
const BEAT_MS = 2_000
const BEAT_DEADLINE_MS = 3_000
/** The server ends a session that was silent for so long, and its lock with it: a frozen leader's. */
const SESSION_IDLE_MS = 8_000
/** Less than SESSION_IDLE_MS: we stop believing in the lock before the server gives it away. */
const BELIEF_MS = 6_000
const UNKNOWN_SETTING = '42704'

export interface LeaderLockOptions {
  url: string
  /** Which leadership: one number for each task that one process at a time may do. */
  lock: number
  log: Logger
  applicationName?: string
  onGained?: () => void
}

/**
 * One process at a time holds it, among all that share a database: an advisory lock on a session
 * of its own. Another one has it within some 11 s after its holder died, froze or was cut off.
 */
export interface LeaderLock {
  /** Also false when the last proof is too old, whatever the reason. */
  readonly isHeld: boolean
  /** Timeline of the server that granted it, which counts up with each promotion; 0 = unknown. */
  readonly timeline: number
  start(): void
  /** Gives the lock back. Idempotent. */
  stop(): Promise<void>
}

export function createLeaderLock(options: LeaderLockOptions): LeaderLock {
  return new SessionLock(options)
}

/**
 * States: connecting → waiting (asks for the lock every beat) → leading (proves every beat that
 * the session lives) → session lost → backoff → connecting.
 */
class SessionLock implements LeaderLock {
  readonly #options: LeaderLockOptions
  readonly #target: ConnectionTarget
  readonly #stop = new AbortController()
  #run: Promise<void> | undefined
  #client: CuttableClient | undefined
  #leading = false
  #provedAt = Number.NEGATIVE_INFINITY
  #timeline = 0
  #reason = ''

  constructor(options: LeaderLockOptions) {
    this.#options = options
    this.#target = parseConnectionTarget(options.url)
  }

  get isHeld(): boolean {
    return this.#leading && performance.now() - this.#provedAt < BELIEF_MS
  }

  get timeline(): number {
    return this.#timeline
  }

  start(): void {
    this.#run ??= this.#keep()
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    this.#client?.cut()
    await this.#run
  }

  async #keep(): Promise<void> {
    const { signal } = this.#stop
    for (let attempt = 0; !signal.aborted; attempt++) {
      const label = this.#target.hosts.map((host) => host.label).join(', ')
      try {
        await this.#session(() => {
          attempt = 0
        })
      } catch (error) {
        if (signal.aborted) return
        const delayMs = retryDelayMs(error, attempt)
        this.#tell(error instanceof StoreError ? error.message : describeFailure(error, label))
        await pause(delayMs, signal)
      } finally {
        this.#leading = false
        this.#client?.cut()
      }
    }
  }

  /** An outage is told once, and when it turns into another; at all only if it costs something. */
  #tell(reason: string): void {
    const { log } = this.#options
    if (this.#leading) log.warn({ reason }, 'leadership lost')
    else log[reason === this.#reason ? 'debug' : 'info']({ reason }, 'leadership not to be had')
    this.#reason = reason
  }

  /** Holds one session until it is lost; then rejects. */
  async #session(onConnected: () => void): Promise<void> {
    const connectTimeoutMs = this.#target.connectTimeoutMs ?? 1_000
    const applicationName = this.#options.applicationName ?? 'holdfast leader'
    const address = await electHost(this.#target, { connectTimeoutMs, applicationName })
    const client = new CuttableClient({
      application_name: applicationName,
      ...this.#target.configFor(address),
    })
    this.#client = client
    await client.connectUntil(performance.now() + connectTimeoutMs)
    await this.#limitIdleTime(client)
    onConnected()
    while (!this.#stop.signal.aborted) {
      if (this.#leading) await this.#prove(client)
      else await this.#tryToLead(client)
      await pause(BEAT_MS, this.#stop.signal)
    }
  }

  async #limitIdleTime(client: CuttableClient): Promise<void> {
    try {
      await this.#query(client, `SET idle_session_timeout = ${SESSION_IDLE_MS}`)
    } catch (error) {
      // PostgreSQL 13 and older do without: there, a frozen leader leads until it is ended.
      if (codeOf(error) !== UNKNOWN_SETTING) throw error
    }
  }

  async #tryToLead(client: CuttableClient): Promise<void> {
    const askedAt = performance.now()
    // A standby would grant a lock of its own, beside that of its primary.
    const rows = await this.#query(
      client,
      `SELECT NOT pg_is_in_recovery() AND pg_try_advisory_lock(${LOCK_SPACE}, ${this.#options.lock})
         AS granted`,
    )
    if (rows[0]?.['granted'] !== true) return
    this.#timeline = await this.#readTimeline(client)
    this.#provedAt = askedAt
    this.#leading = true
    this.#reason = ''
    this.#options.log.info({ timeline: this.#timeline }, 'leadership gained')
    this.#options.onGained?.()
  }

  async #prove(client: CuttableClient): Promise<void> {
    const askedAt = performance.now()
    await this.#query(client, 'SELECT 1')
    // If the session was ended meanwhile, the query failed: the lock lasts as long as the session.
    this.#provedAt = askedAt
  }

  async #readTimeline(client: CuttableClient): Promise<number> {
    try {
      const rows = await this.#query(
        client,
        'SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS timeline',
      )
      return Number.parseInt(String(rows[0]?.['timeline']), 16) || 0
    } catch {
      // Not every hosted PostgreSQL tells. If the session is lost, the next beat says so.
      return 0
    }
  }

  async #query(client: CuttableClient, text: string): Promise<Record<string, unknown>[]> {
    const { rows } = await client.queryUntil(performance.now() + BEAT_DEADLINE_MS, text)
    return rows
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>((resolve) => {
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done, { once: true })
    function done() {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
  })
}
