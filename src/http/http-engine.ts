import type { Socket } from 'node:net'
import type { ClientConnection } from '../model/http-message.ts'
import type { ConnectionEngine } from './connection-engine.ts'
import type { ExchangeHandler } from './exchange.ts'
import type { HttpExchange } from './http-exchange.ts'
import { DEFAULT_HTTP_LIMITS, type HttpLimits } from './limits.ts'
import type { Refusal } from './refusal.ts'
import { ServerConnection } from './server-connection.ts'

/** Time-outs are checked by one sweep over all connections, this often at most. */
const MAX_TICK_MS = 500
const MIN_TICK_MS = 10

export interface HttpEngineOptions extends Partial<HttpLimits> {
  /**
   * The engine has answered, or cut, by itself. `begun`: the handler had the request already, and
   * hears that it is over.
   */
  onRefused?: (refusal: Refusal, connection: ClientConnection, begun: boolean) => void
  /** The handler threw or broke its contract; its request was answered with 500 or cut. */
  onHandlerError?: (error: unknown) => void
}

/** Serves HTTP/1.1 on sockets that others accept. */
export interface HttpEngine {
  /** Takes over a connected socket, paused or not. */
  accept(socket: Socket): void
  readonly connections: number
  /** Exchanges in flight. */
  readonly pendingRequests: number
  /** False: every response says `Connection: close`. Can be set back; idle connections stay. */
  allowKeepAlive: boolean
  /** Closes connections that have been idle for a while. */
  closeIdle(): void
  /** Closes idle connections; the others close after the response they are at. */
  drain(): void
  /** Cuts everything. */
  stop(): void
  /** Resolves as soon as there is no connection. */
  whenIdle(): Promise<void>
}

export function createHttpEngine(options: HttpEngineOptions, handler: ExchangeHandler): HttpEngine {
  return new Engine(options, handler)
}

class Engine implements HttpEngine, ConnectionEngine {
  readonly limits: HttpLimits
  readonly handler: ExchangeHandler
  now = 0
  draining = false
  allowKeepAlive = true
  pendingRequests = 0
  readonly #options: HttpEngineOptions
  readonly #connections = new Set<ServerConnection>()
  readonly #tickMs: number
  readonly #sweeper: NodeJS.Timeout
  #stopped = false
  #unflushed: HttpExchange[] = []
  #dateLine = ''
  #idleWaiters: (() => void)[] = []

  constructor(options: HttpEngineOptions, handler: ExchangeHandler) {
    this.#options = options
    this.handler = handler
    this.limits = { ...DEFAULT_HTTP_LIMITS, ...definedOf(options) }
    this.#tickMs = tickFor(this.limits)
    this.#sweeper = setInterval(() => onceRead(() => this.#sweep()), this.#tickMs).unref()
  }

  get connections(): number {
    return this.#connections.size
  }

  accept(socket: Socket): void {
    if (this.#stopped || socket.destroyed) socket.destroy()
    else this.#connections.add(new ServerConnection(this, socket))
  }

  closeIdle(): void {
    onceRead(() => {
      for (const connection of this.#connections) connection.closeIfStale()
    })
  }

  drain(): void {
    this.draining = true
    for (const connection of this.#connections) connection.drain()
  }

  stop(): void {
    this.#stopped = true
    clearInterval(this.#sweeper)
    for (const connection of this.#connections) connection.stop()
  }

  whenIdle(): Promise<void> {
    if (this.#connections.size === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idleWaiters.push(resolve))
  }

  /** Rounded up, and one more for the tick that is under way: never early. */
  deadline(timeoutMs: number): number {
    return this.now + Math.ceil(timeoutMs / this.#tickMs) + 1
  }

  dateLine(): string {
    if (this.#dateLine === '') this.#dateLine = `Date: ${new Date().toUTCString()}\r\n`
    return this.#dateLine
  }

  flushLater(exchange: HttpExchange): void {
    if (this.#unflushed.push(exchange) === 1) process.nextTick(this.#flush)
  }

  exchangeBegan(): void {
    this.pendingRequests++
  }

  exchangeEnded(): void {
    this.pendingRequests--
  }

  refused(refusal: Refusal, connection: ClientConnection, begun: boolean): void {
    this.#options.onRefused?.(refusal, connection, begun)
  }

  handlerFailed(error: unknown): void {
    this.#options.onHandlerError?.(error)
  }

  connectionClosed(connection: ServerConnection): void {
    this.#connections.delete(connection)
    if (this.#connections.size > 0) return
    const waiters = this.#idleWaiters
    this.#idleWaiters = []
    for (const resolve of waiters) resolve()
  }

  readonly #flush = (): void => {
    const exchanges = this.#unflushed
    this.#unflushed = []
    for (const exchange of exchanges) exchange.flush()
  }

  #sweep(): void {
    this.now++
    this.#dateLine = ''
    for (const connection of this.#connections) connection.sweep()
  }
}

/**
 * Once what has arrived by now was read: timers come first in a turn of the event loop, and after a
 * long turn a connection that looks idle may have its next request waiting in the kernel.
 */
function onceRead(judge: () => void): void {
  setImmediate(judge)
}

/** Short enough that the shortest time-out is off by half at most. */
function tickFor(limits: HttpLimits): number {
  const { headerTimeoutMs, bodyTimeoutMs, keepAliveTimeoutMs } = limits
  const { sendTimeoutMs, halfCloseTimeoutMs } = limits
  const ofClients = [headerTimeoutMs, bodyTimeoutMs, keepAliveTimeoutMs]
  const timeouts = [...ofClients, sendTimeoutMs, halfCloseTimeoutMs]
  const shortest = Math.min(...timeouts.filter((timeoutMs) => timeoutMs > 0))
  return Math.min(MAX_TICK_MS, Math.max(MIN_TICK_MS, Math.floor(shortest / 4)))
}

function definedOf(options: HttpEngineOptions): Partial<HttpLimits> {
  const defined = Object.entries(options).filter(([, value]) => value !== undefined)
  return Object.fromEntries(defined)
}
