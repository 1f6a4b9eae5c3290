import { createServer, type Server, type Socket } from 'node:net'
import type { Logger } from 'pino'
import { ConnectionRefusal } from '../http/connection-refusal.ts'

/** Connections that may wait for a worker while none serves; beyond it they are refused. */
const MAX_WAITING = 1024
/** How long one may wait: a worker is back well before a client gives up. */
const MAX_WAIT_MS = 5_000
const BACKLOG = 1024
/** Connections on their way to one worker; with more, a flood would use up our descriptors. */
const MAX_IN_TRANSIT = 512
const REFUSED_LOG_GAP_MS = 10_000

export interface ListenAddress {
  host: string
  port: number
}

type ListenTarget = ListenAddress | { fd: number }

/** Takes connections; the acceptor chooses in turn among those that serve. */
export interface ConnectionTaker {
  readonly serving: boolean
  /** Connections sent that have not arrived yet. */
  readonly inTransit: number
  /** Connections did not reach it a moment ago: try others. */
  readonly spared: boolean
  sendConnection(socket: Socket): void
}

/**
 * Owns the listening sockets and hands each connection to a worker, in turn. The sockets belong to
 * the primary, so that a worker may die or be replaced, even the only one, without a refused
 * connection: new ones wait until a worker serves again.
 */
export class Acceptor {
  /** Open listeners by the address that was asked for, `fd:N` for those that were there already. */
  readonly #servers = new Map<string, Server>()
  readonly #log: Logger
  readonly #takers: () => readonly ConnectionTaker[]
  #turn = 0
  #opened = false
  readonly #refusal = new ConnectionRefusal()
  #refused = 0
  #refusedLogAt = Number.NEGATIVE_INFINITY
  #waiting: { socket: Socket; since: number }[] = []

  constructor(takers: () => readonly ConnectionTaker[], log: Logger) {
    this.#takers = takers
    this.#log = log
  }

  /** True from the first call of `listen` on. */
  get opened(): boolean {
    return this.#opened
  }

  /** Connections refused with 503 so far. */
  get refused(): number {
    return this.#refused
  }

  get listening(): boolean {
    return this.#servers.size > 0
  }

  /** The bound addresses, with the ports that the system chose for port 0. */
  get addresses(): ListenAddress[] {
    return this.servers.map((server) => {
      const address = server.address()
      if (address === null || typeof address === 'string') return { host: '', port: 0 }
      return { host: address.address, port: address.port }
    })
  }

  /** The listening sockets, to be handed over. */
  get servers(): readonly Server[] {
    return [...this.#servers.values()]
  }

  /**
   * Makes these the addresses to listen on: opens the new ones, then closes those that are no longer
   * wanted; the others stay as they are. Listening sockets that were there before us (`fds`) take
   * the place of all addresses.
   * @throws the system's error (EADDRINUSE, EACCES …) when one can't be opened; nothing has changed.
   */
  async listen(addresses: readonly ListenAddress[], fds: readonly number[] = []): Promise<void> {
    this.#opened = true
    const wanted = new Map<string, ListenTarget>(
      fds.length > 0
        ? fds.map((fd) => [`fd:${fd}`, { fd }])
        : addresses.map((address) => [`${address.host}:${address.port}`, address]),
    )
    const opened = new Map<string, Server>()
    try {
      for (const [key, target] of wanted) {
        if (!this.#servers.has(key)) opened.set(key, await this.#open(target))
      }
    } catch (error) {
      for (const server of opened.values()) server.close()
      throw error
    }
    for (const [key, server] of this.#servers) {
      if (wanted.has(key)) continue
      this.#servers.delete(key)
      server.close()
    }
    for (const [key, server] of opened) this.#servers.set(key, server)
  }

  /** Hands on the connections that waited for a worker; call when one begins to serve. */
  releaseWaiting(): void {
    const waiting = this.#waiting
    this.#waiting = []
    this.dispatch(waiting.map(({ socket }) => socket))
  }

  /** Gives connections to workers, or lets them wait for one. */
  dispatch(sockets: readonly Socket[]): void {
    for (const socket of sockets) this.#dispatch(socket)
  }

  /** Answers 503: no worker can take these, and each one held costs a descriptor. */
  refuse(sockets: readonly Socket[]): void {
    if (sockets.length === 0) return
    for (const socket of sockets) this.#refusal.refuse(socket)
    this.#refused += sockets.length
    const now = performance.now()
    if (now - this.#refusedLogAt < REFUSED_LOG_GAP_MS) return
    this.#refusedLogAt = now
    this.#log.warn('no worker can take more connections, refusing some with 503')
  }

  /** Stops accepting; connections already handed over are not touched. */
  close(): void {
    for (const server of this.#servers.values()) server.close()
    this.#servers.clear()
    this.refuse(this.#waiting.splice(0).map(({ socket }) => socket))
  }

  #open(target: ListenTarget): Promise<Server> {
    // allowHalfOpen: a client may close its side after the request and still wants the answer.
    const server = createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true })
    server.on('connection', (socket: Socket) => {
      socket.on('error', () => {})
      this.#dispatch(socket)
    })
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen({ ...target, backlog: BACKLOG }, () => {
        server.off('error', reject)
        // EMFILE and the like while accepting: nothing to do but go on.
        server.on('error', (err) => this.#log.error({ err }, 'accepting failed'))
        resolve(server)
      })
    })
  }

  #dispatch(socket: Socket): void {
    const serving = this.#takers().filter((taker) => taker.serving)
    if (serving.length === 0) {
      this.#wait(socket)
      return
    }
    const free = serving.filter((taker) => taker.inTransit < MAX_IN_TRANSIT && !taker.spared)
    const taker = free[this.#turn++ % free.length]
    if (taker === undefined) this.refuse([socket])
    else taker.sendConnection(socket)
  }

  #wait(socket: Socket): void {
    const now = performance.now()
    const isStale = ({ since }: { since: number }) => now - since > MAX_WAIT_MS
    this.refuse(this.#waiting.filter(isStale).map((entry) => entry.socket))
    this.#waiting = this.#waiting.filter((entry) => !isStale(entry))
    if (!this.listening || this.#waiting.length >= MAX_WAITING) this.refuse([socket])
    else this.#waiting.push({ socket, since: now })
  }
}
