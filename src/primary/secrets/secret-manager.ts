import type { Logger } from 'pino'
import { backoffMs } from '../../support/backoff.ts'
import type { SecretFields, VaultReader } from './vault.ts'
import { VaultFailure } from './vault.ts'

/** Secrets read at the same time; while the manager is away, one. */
const CONCURRENCY = 2
const RETRY = { baseMs: 1_000, maxMs: 60_000 }
const MIN_RETRY_MS = 100
/** A TTL is stretched or shortened by up to this share, so that secrets do not stay together. */
const JITTER = 0.1

interface Entry {
  path: readonly string[]
  /** As `performance.now()`. */
  dueAt: number
  /** Failures in a row. */
  attempt: number
}

interface ManagerOptions {
  log: Logger
  ttlMs: () => number
  /** A secret was read. False: something that is wanted of it is not there; it is read again soon. */
  onRead: (key: string, fields: SecretFields) => boolean
  /** A secret could not be read. */
  onRefused: (key: string, reason: string) => void
  /** The manager is away, or answers again. */
  onOutage: (reason: string | undefined) => void
}

/** Keeps the secrets of one manager current. Nothing waits for it. */
export class SecretManager {
  readonly #options: ManagerOptions
  readonly #entries = new Map<string, Entry>()
  #queue: string[] = []
  #reading = 0
  #reader: VaultReader | undefined
  /** Outages in a row, and when to try again. */
  #outages = 0
  #blockedUntil = 0
  #timer: NodeJS.Timeout | undefined
  #failures = 0

  constructor(options: ManagerOptions) {
    this.#options = options
  }

  /** Reads that failed since the start. */
  get failures(): number {
    return this.#failures
  }

  /** Asks this one from now on, for everything; undefined = there is none to ask. */
  set reader(reader: VaultReader | undefined) {
    this.#reader?.stop()
    this.#reader = reader
    this.#outages = 0
    this.#blockedUntil = 0
    for (const entry of this.#entries.values()) entry.dueAt = 0
    this.#pump()
  }

  /** Keeps these secrets current, and no others. */
  want(paths: ReadonlyMap<string, readonly string[]>): void {
    for (const key of this.#entries.keys()) if (!paths.has(key)) this.#entries.delete(key)
    for (const [key, path] of paths) {
      if (!this.#entries.has(key)) this.#entries.set(key, { path, dueAt: 0, attempt: 0 })
    }
    this.#pump()
  }

  /** Reads a secret now: more is wanted of it. */
  hurry(key: string): void {
    const entry = this.#entries.get(key)
    if (entry !== undefined) entry.dueAt = 0
    this.#pump()
  }

  stop(): void {
    this.#entries.clear()
    clearTimeout(this.#timer)
    this.#reader?.stop()
    this.#reader = undefined
  }

  #pump(): void {
    clearTimeout(this.#timer)
    const reader = this.#reader
    if (reader === undefined) return
    const now = performance.now()
    if (now < this.#blockedUntil) {
      this.#wakeAt(this.#blockedUntil)
      return
    }
    const nextAt = this.#queue.length === 0 ? this.#findDue(now) : 0
    const limit = this.#outages > 0 ? 1 : CONCURRENCY
    while (this.#reading < limit && this.#queue.length > 0) {
      const key = this.#queue.shift() as string
      const entry = this.#entries.get(key)
      if (entry !== undefined) void this.#read(reader, key, entry)
    }
    // What is left in the queue is taken when a read ends.
    if (this.#queue.length === 0) this.#wakeAt(nextAt)
  }

  /** Queues what is due; returns when the next one will be. */
  #findDue(now: number): number {
    let nextAt = Number.POSITIVE_INFINITY
    for (const [key, { dueAt }] of this.#entries) {
      if (dueAt <= now) this.#queue.push(key)
      else nextAt = Math.min(nextAt, dueAt)
    }
    return nextAt
  }

  #wakeAt(at: number): void {
    if (at === Number.POSITIVE_INFINITY) return
    const delayMs = Math.max(1, at - performance.now())
    this.#timer = setTimeout(() => this.#pump(), delayMs).unref()
  }

  async #read(reader: VaultReader, key: string, entry: Entry): Promise<void> {
    this.#reading++
    // Not again while it is being read.
    entry.dueAt = Number.POSITIVE_INFINITY
    try {
      const fields = await reader.read(entry.path)
      if (reader === this.#reader) this.#took(key, entry, fields)
    } catch (error) {
      if (reader === this.#reader) this.#failed(key, entry, error)
    } finally {
      this.#reading--
      this.#pump()
    }
  }

  #took(key: string, entry: Entry, fields: SecretFields): void {
    if (this.#outages > 0) {
      this.#options.log.info({ outages: this.#outages }, 'secret manager answers again')
      this.#options.onOutage(undefined)
    }
    this.#outages = 0
    if (this.#entries.get(key) !== entry) return
    if (this.#options.onRead(key, fields)) {
      entry.attempt = 0
      const ttlMs = this.#options.ttlMs() * (1 + JITTER * (2 * Math.random() - 1))
      entry.dueAt = performance.now() + ttlMs
    } else {
      this.#failures++
      this.#retry(entry)
    }
  }

  #failed(key: string, entry: Entry, error: unknown): void {
    this.#failures++
    const reason = error instanceof Error ? error.message : String(error)
    if (error instanceof VaultFailure && !error.isOutage) {
      this.#retry(entry)
      if (this.#entries.get(key) === entry) this.#options.onRefused(key, reason)
      return
    }
    entry.dueAt = 0
    const delayMs = retryDelay(this.#outages)
    this.#blockedUntil = performance.now() + delayMs
    if (this.#outages++ > 0) return
    this.#options.log.warn({ reason, delayMs }, 'secret manager is away, its last values serve')
    this.#options.onOutage(reason)
  }

  #retry(entry: Entry): void {
    entry.dueAt = performance.now() + Math.min(this.#options.ttlMs(), retryDelay(entry.attempt++))
  }
}

function retryDelay(attempt: number): number {
  return Math.max(MIN_RETRY_MS, backoffMs(attempt, RETRY))
}
