import type { Logger } from 'pino'
import { AttemptError } from './attempt-error.ts'
import type { CuttableClient } from './client.ts'
import { type ConnectionTarget, parseConnectionTarget } from './connection-target.ts'
import {
  deadlineError,
  describeFailure,
  isConnectionFailure,
  isCredentialFailure,
  retryDelayMs,
  toStoreError,
  unavailable,
} from './failure.ts'
import { electHost } from './host-election.ts'
import { HostPool } from './host-pool.ts'
import { leftBehind } from './server-history.ts'
import {
  beginSql,
  runTransaction,
  type Transaction,
  type TransactionOptions,
} from './transaction.ts'

/** A caller this soon after a failed attempt is told its reason instead of trying again. */
const FAIL_FAST_MS = 1_000
const CREDENTIALS_FAIL_FAST_MS = 5_000
/** With several hosts: how often the others are asked whether one of them was promoted meanwhile. */
const LOOK_AROUND_MS = 5_000

export interface DatabaseOptions {
  /** One host or several, see connection-target.ts. */
  url: string
  log: Logger
  /** Default 10. */
  maxConnections?: number
  /** Per host, connecting and asking for its role. Default 1000; `connect_timeout` of the URL wins. */
  connectTimeoutMs?: number
  /** Every statement answers or fails within this. Default 2500. */
  queryTimeoutMs?: number
  applicationName?: string
}

export interface DatabaseState {
  /** `unknown` until the first attempt. */
  status: 'up' | 'down' | 'unknown'
  /** Why it is down, in plain words, without credentials. */
  reason?: string
  /** Host in use. */
  host?: string
}

export interface QueryOptions {
  /** Running it twice does no harm: it is repeated once when the connection breaks under it. */
  repeatable?: boolean
}

type Work<T> = (client: CuttableClient, deadlineAt: number) => Promise<T>

/**
 * PostgreSQL on whichever of the given hosts has the wanted role. Every call answers or fails with
 * StoreError GW_STORE_UNAVAILABLE within about `queryTimeoutMs`; it reconnects by itself.
 */
export interface Database {
  readonly state: DatabaseState
  query<R extends object>(
    text: string,
    values?: readonly unknown[],
    options?: QueryOptions,
  ): Promise<R[]>
  /**
   * Runs `work` in a transaction. When the connection breaks before COMMIT was sent, nothing is
   * written and `work` is run once more: it must not have effects of its own.
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>, options?: TransactionOptions): Promise<T>
  /** Calls back on each change of state. Returns the way to unsubscribe. */
  onState(listener: (state: DatabaseState) => void): () => void
  /** Cuts all connections. Idempotent. */
  stop(): Promise<void>
}

/** Creates the connector; it connects with the first use. */
export function createDatabase(options: DatabaseOptions): Database {
  return new Connector(options)
}

/**
 * States: unknown → electing → up → (connection failure) → electing → up | down;
 * down → (backoff, or a caller after FAIL_FAST_MS) → electing. `stopped` is final.
 */
class Connector implements Database {
  readonly #options: DatabaseOptions
  readonly #log: Logger
  readonly #target: ConnectionTarget
  readonly #listeners = new Set<(state: DatabaseState) => void>()
  readonly #connectTimeoutMs: number
  readonly #queryTimeoutMs: number
  #state: DatabaseState = { status: 'unknown' }
  #pool: HostPool | undefined
  #electing: Promise<HostPool> | undefined
  #failed: { at: number; error: Error } | undefined
  #attempt = 0
  #timer: NodeJS.Timeout | undefined
  #lookAroundTimer: NodeJS.Timeout | undefined
  /** What was said last of hosts that were left behind. */
  #leftBehind = ''
  #stopped = false

  constructor(options: DatabaseOptions) {
    this.#options = options
    this.#log = options.log
    this.#target = parseConnectionTarget(options.url)
    this.#connectTimeoutMs = this.#target.connectTimeoutMs ?? options.connectTimeoutMs ?? 1000
    this.#queryTimeoutMs = options.queryTimeoutMs ?? 2500
  }

  get state(): DatabaseState {
    return this.#state
  }

  onState(listener: (state: DatabaseState) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  query<R extends object>(
    text: string,
    values: readonly unknown[] = [],
    { repeatable = false }: QueryOptions = {},
  ): Promise<R[]> {
    return this.#run(async (client, deadlineAt) => {
      try {
        return (await client.queryUntil(deadlineAt, text, values)).rows as R[]
      } catch (error) {
        throw new AttemptError(error, { repeatable })
      }
    })
  }

  transaction<T>(
    work: (tx: Transaction) => Promise<T>,
    options: TransactionOptions = {},
  ): Promise<T> {
    const timeoutMs = options.timeoutMs ?? this.#queryTimeoutMs
    const begin = beginSql(options, this.#queryTimeoutMs)
    return this.#run((client, deadlineAt) => {
      const statementMs = options.statementTimeoutMs ?? this.#queryTimeoutMs
      const nextDeadline = () => Math.min(deadlineAt, performance.now() + statementMs)
      return runTransaction(client, { nextDeadline, begin, label: this.#label }, work)
    }, timeoutMs)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    clearTimeout(this.#lookAroundTimer)
    this.#listeners.clear()
    this.#pool?.destroy()
    this.#pool = undefined
    await this.#electing?.catch(() => {})
  }

  async #run<T>(work: Work<T>, timeoutMs = this.#queryTimeoutMs): Promise<T> {
    const now = performance.now()
    const deadlineAt = now + timeoutMs
    const connectBy = Math.min(deadlineAt, now + this.#queryTimeoutMs)
    try {
      return await this.#attemptOnce(work, deadlineAt, connectBy).catch((error) => {
        const again = error instanceof AttemptError && error.repeatable
        if (again && performance.now() < connectBy) {
          return this.#attemptOnce(work, deadlineAt, connectBy)
        }
        throw error
      })
    } catch (error) {
      throw error instanceof AttemptError ? error.toStoreError(this.#label) : error
    }
  }

  async #attemptOnce<T>(work: Work<T>, deadlineAt: number, connectBy: number): Promise<T> {
    const pool = await this.#readyPool(connectBy)
    const client = await pool.connect(connectBy).catch((error) => {
      if (isConnectionFailure(error)) this.#drop(pool, error)
      throw new AttemptError(error, { repeatable: true })
    })
    let broken = false
    try {
      return await work(client, deadlineAt)
    } catch (error) {
      broken = error instanceof AttemptError && isConnectionFailure(error.failure)
      if (broken) this.#drop(pool, (error as AttemptError).failure)
      throw error
    } finally {
      pool.release(client, broken)
    }
  }

  /** For messages: the host in use, else all of them. */
  get #label(): string {
    return this.#state.host ?? this.#target.hosts.map((host) => host.label).join(', ')
  }

  async #readyPool(deadlineAt: number): Promise<HostPool> {
    if (this.#stopped) throw unavailable('this process is stopping')
    if (this.#pool) return this.#pool
    if (this.#failed && this.#electing === undefined) {
      const { at, error } = this.#failed
      const credentials = isCredentialFailure(error.cause)
      const quietMs = credentials ? CREDENTIALS_FAIL_FAST_MS : FAIL_FAST_MS
      if (performance.now() - at < quietMs) throw error
    }
    return this.#electedBy(deadlineAt)
  }

  /** Waits for the election in progress, or a new one, but no longer than the caller may. */
  async #electedBy(deadlineAt: number): Promise<HostPool> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      const waitMs = Math.max(0, deadlineAt - performance.now())
      timer = setTimeout(() => reject(toStoreError(deadlineError(waitMs), this.#label)), waitMs)
    })
    return Promise.race([this.#elect(), late]).finally(() => clearTimeout(timer))
  }

  #elect(): Promise<HostPool> {
    clearTimeout(this.#timer)
    this.#electing ??= this.#electOnce().finally(() => {
      this.#electing = undefined
    })
    return this.#electing
  }

  async #electOnce(): Promise<HostPool> {
    const { applicationName, connectTimeoutMs } = this.#election
    try {
      const address = await electHost(this.#target, this.#election)
      if (this.#stopped) throw unavailable('this process is stopping')
      const pool: HostPool = new HostPool(this.#target, address, {
        maxConnections: this.#options.maxConnections ?? 10,
        connectTimeoutMs,
        retireAfterMs: this.#queryTimeoutMs,
        applicationName,
        onIdleError: (error) => this.#drop(pool, error),
      })
      this.#pool = pool
      this.#attempt = 0
      this.#failed = undefined
      this.#setState({ status: 'up', host: address.label })
      this.#lookAroundLater(pool)
      return pool
    } catch (error) {
      this.#failed = { at: performance.now(), error: error as Error }
      this.#retryLater(error as Error)
      throw error
    }
  }

  get #election() {
    return {
      applicationName: this.#options.applicationName ?? 'holdfast',
      connectTimeoutMs: this.#connectTimeoutMs,
      onLeftBehind: (reason: string) => {
        // As long as it stands there, every election finds it: it is told once.
        if (reason !== this.#leftBehind) this.#log.warn({ reason }, 'database host not used')
        this.#leftBehind = reason
      },
    }
  }

  /**
   * A primary that was left behind does not say so: it may go on taking writes that nobody will
   * ever see (split brain). Whoever is connected to it has to look at the others.
   */
  #lookAroundLater(pool: HostPool): void {
    clearTimeout(this.#lookAroundTimer)
    if (this.#target.hosts.length === 1 || this.#stopped) return
    this.#lookAroundTimer = setTimeout(async () => {
      const graceMs = this.#connectTimeoutMs
      await electHost(this.#target, { ...this.#election, graceMs }).catch(() => {})
      if (this.#pool !== pool) return
      const behind = leftBehind(pool.address.label)
      if (behind) this.#drop(pool, behind)
      else this.#lookAroundLater(pool)
    }, LOOK_AROUND_MS)
    this.#lookAroundTimer.unref()
  }

  #retryLater(error: Error): void {
    if (this.#stopped) return
    const delayMs = retryDelayMs(error, this.#attempt)
    this.#attempt += 1
    this.#setState({ status: 'down', reason: error.message })
    this.#timer = setTimeout(() => void this.#elect().catch(() => {}), delayMs)
    // The listeners on sockets keep the process alive, not the wish to reconnect.
    this.#timer.unref()
  }

  /** Stops using a pool and looks at the hosts again; its other callers may finish. */
  #drop(pool: HostPool, cause: unknown): void {
    pool.retire()
    if (this.#pool !== pool || this.#stopped) return
    this.#pool = undefined
    this.#setState({ status: 'down', reason: describeFailure(cause, pool.address.label) })
    void this.#elect().catch(() => {})
  }

  #setState(state: DatabaseState): void {
    const before = this.#state
    this.#state = state
    if (before.status === state.status && before.reason === state.reason) return
    if (state.status === 'up') this.#log.info({ host: state.host }, 'database connected')
    else this.#log.warn({ reason: state.reason }, 'database unavailable')
    for (const listener of this.#listeners) listener(state)
  }
}
