import { CuttableClient } from './client.ts'
import type { ConnectionTarget, HostAddress } from './connection-target.ts'
import { busyError, lostError } from './failure.ts'
import { isAcceptable, readRole } from './host-election.ts'
import { leftBehind } from './server-history.ts'

/** Callers that may wait for a free connection; more fail at once. */
const MAX_WAITING = 500
const IDLE_TIMEOUT_MS = 30_000

export interface HostPoolOptions {
  maxConnections: number
  connectTimeoutMs: number
  /** Connections still in use this long after `retire` are cut. */
  retireAfterMs: number
  applicationName: string
  /** A connection failed while nobody used it. */
  onIdleError: (error: Error) => void
}

interface Waiter {
  resolve(client: CuttableClient): void
  reject(error: Error): void
}

/**
 * Connections to one elected host, retired as a whole when it is no longer the right one.
 * Not pg's own pool: that one leaves waiting callers behind when it ends, cannot cut a connection
 * to a frozen server, and takes a full pool for an unreachable server.
 */
export class HostPool {
  readonly address: HostAddress
  readonly #target: ConnectionTarget
  readonly #options: HostPoolOptions
  /** All connections, those still being opened included. */
  readonly #open = new Set<CuttableClient>()
  readonly #idle = new Map<CuttableClient, NodeJS.Timeout>()
  readonly #waiting = new Set<Waiter>()
  #retired = false

  constructor(target: ConnectionTarget, address: HostAddress, options: HostPoolOptions) {
    this.#target = target
    this.address = address
    this.#options = options
  }

  /** Lends a connection until `release`; rejects at the deadline. */
  async connect(deadlineAt: number): Promise<CuttableClient> {
    if (this.#retired) throw lostError()
    const idle = this.#takeIdle()
    if (idle) return idle
    if (this.#open.size < this.#options.maxConnections) return this.#dial(deadlineAt)
    return this.#wait(deadlineAt)
  }

  /** Gives a connection back; a broken one is cut instead of reused. */
  release(client: CuttableClient, broken: boolean): void {
    if (broken || this.#retired || !this.#open.has(client)) {
      this.#discard(client, broken)
      return
    }
    const waiter = this.#nextWaiter()
    if (waiter) waiter.resolve(client)
    else this.#idle.set(client, this.#idleTimer(client))
  }

  /** Takes no new work. What is in flight may finish, for a while. Idempotent. */
  retire(): void {
    if (this.#retired) return
    this.#retired = true
    for (const client of this.#idle.keys()) this.#discard(client, true)
    for (const waiter of this.#waiting) waiter.reject(lostError())
    this.#waiting.clear()
    setTimeout(() => this.#cutAll(), this.#options.retireAfterMs).unref()
  }

  /** Cuts everything now. */
  destroy(): void {
    this.retire()
    this.#cutAll()
  }

  #takeIdle(): CuttableClient | undefined {
    // The latest used first, so that spare ones grow old.
    const entry = [...this.#idle].at(-1)
    if (entry === undefined) return undefined
    const [client, timer] = entry
    clearTimeout(timer)
    this.#idle.delete(client)
    return client
  }

  /** The name may lead elsewhere by now: a new connection proves its role before it is used. */
  async #dial(deadlineAt: number): Promise<CuttableClient> {
    const client = new CuttableClient({
      application_name: this.#options.applicationName,
      ...this.#target.configFor(this.address),
    })
    this.#open.add(client)
    client.on('error', (error) => this.#lost(client, error))
    client.on('end', () => this.#lost(client, lostError()))
    try {
      const until = Math.min(deadlineAt, performance.now() + this.#options.connectTimeoutMs)
      await client.connectUntil(until)
      const { label } = this.address
      const role = await readRole(client, label, until)
      const { session } = this.#target
      if (isAcceptable(role, session === 'prefer-standby' ? 'any' : session)) return client
      const behind = leftBehind(label)
      if (behind) throw behind
      const reason = `changed its role and is not ${session} any more`
      throw Object.assign(new Error(reason), { code: '25006' })
    } catch (error) {
      this.#discard(client, true)
      throw error
    }
  }

  #wait(deadlineAt: number): Promise<CuttableClient> {
    if (this.#waiting.size >= MAX_WAITING) throw busyError(this.#options.maxConnections)
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => {
          this.#waiting.delete(waiter)
          reject(busyError(this.#options.maxConnections))
        },
        Math.max(0, deadlineAt - performance.now()),
      )
      const waiter: Waiter = {
        resolve(client) {
          clearTimeout(timer)
          resolve(client)
        },
        reject(error) {
          clearTimeout(timer)
          reject(error)
        },
      }
      this.#waiting.add(waiter)
    })
  }

  #nextWaiter(): Waiter | undefined {
    const [waiter] = this.#waiting
    if (waiter) this.#waiting.delete(waiter)
    return waiter
  }

  #idleTimer(client: CuttableClient): NodeJS.Timeout {
    // One is kept for ever: it is how a server that goes away is noticed between queries.
    return setTimeout(() => {
      if (this.#open.size > 1) this.#discard(client, false)
    }, IDLE_TIMEOUT_MS).unref()
  }

  #lost(client: CuttableClient, error: Error): void {
    const wasIdle = this.#idle.has(client)
    this.#discard(client, true)
    if (wasIdle && !this.#retired) this.#options.onIdleError(error)
  }

  #discard(client: CuttableClient, broken: boolean): void {
    clearTimeout(this.#idle.get(client))
    this.#idle.delete(client)
    this.#open.delete(client)
    if (broken) client.cut()
    else void client.end().catch(() => {})
    this.#refill()
  }

  /** A connection went away: somebody may be waiting for one that will not come back. */
  #refill(): void {
    if (this.#retired || this.#open.size >= this.#options.maxConnections) return
    const waiter = this.#nextWaiter()
    if (waiter === undefined) return
    const deadlineAt = performance.now() + this.#options.connectTimeoutMs
    this.#dial(deadlineAt).then(waiter.resolve, waiter.reject)
  }

  #cutAll(): void {
    for (const client of this.#open) client.cut()
  }
}
