import type { Socket } from 'node:net'
import { type ClientFacts, clientFacts } from './client-facts.ts'
import type { ExchangeHandler } from './exchange.ts'
import { HeadParser } from './head-parser.ts'
import { type ExchangeOwner, HttpExchange } from './http-exchange.ts'
import type { HttpLimits } from './limits.ts'
import { REFUSALS, type Refusal } from './refusal.ts'
import { refusalMessage } from './refusal-message.ts'
import { type BodyOwner, RequestBody } from './request-body.ts'
import type { RequestHead } from './request-head.ts'
import { SendProgress } from './send-progress.ts'

/** A body nobody wants is read to its end up to this size, to keep the connection. */
const MAX_DISCARDED_BYTES = 65_536
/** What a closing connection may still receive before it is cut. */
const MAX_LINGER_BYTES = 8_388_608
/** Pipelined requests answered in one turn of the event loop before others get theirs. */
const MAX_REQUESTS_PER_TURN = 16
const NEVER = Number.POSITIVE_INFINITY
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'
const NOTHING = Buffer.alloc(0)

/** What a connection needs of its engine. Time is counted in ticks of the engine's sweep. */
export interface ConnectionEngine {
  readonly limits: HttpLimits
  readonly handler: ExchangeHandler
  readonly now: number
  readonly draining: boolean
  deadline(timeoutMs: number): number
  dateLine(): string
  flushLater(exchange: HttpExchange): void
  exchangeBegan(): void
  exchangeEnded(): void
  refused(refusal: Refusal): void
  handlerFailed(error: unknown): void
  connectionClosed(connection: ServerConnection): void
}

/**
 * One client connection: reads heads and bodies, one exchange at a time.
 *
 * idle -first byte-> head -complete-> exchange (-> discarding the rest of its body) -> idle
 * any -refusal, last response, time-out-> closing (our side is shut, theirs is read for a while) -> gone
 *
 * Bytes that can not be used yet wait in `#pending`, at most one read of the socket, which is then paused.
 */
export class ServerConnection implements ExchangeOwner, BodyOwner {
  readonly socket: Socket
  readonly facts: ClientFacts
  readonly #engine: ConnectionEngine
  readonly #parser: HeadParser
  readonly #progress: SendProgress
  #exchange: HttpExchange | undefined = undefined
  /** The request body that is on the wire; may outlive its exchange while it is discarded. */
  #body: RequestBody | undefined = undefined
  #expectsContinue = false
  #pending: Buffer | undefined = undefined
  #position = 0
  #running = false
  #paused = false
  #closing = false
  #inputEnded = false
  #served = 0
  #lingerBudget = MAX_LINGER_BYTES
  #readDeadline: number

  constructor(engine: ConnectionEngine, socket: Socket) {
    this.#engine = engine
    this.socket = socket
    this.facts = clientFacts(socket)
    this.#parser = new HeadParser(engine.limits)
    this.#progress = new SendProgress(socket)
    this.#readDeadline = engine.deadline(engine.limits.headerTimeoutMs)
    // A client may shut its side after the request; the answer must still reach it.
    socket.allowHalfOpen = true
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    socket.on('end', () => this.#onEnd())
    socket.on('drain', () => this.#exchange?.onDrain?.())
    socket.on('error', () => undefined)
    socket.on('close', () => this.#onClose())
    socket.resume()
  }

  /** True between two requests, and before the first. */
  get #idle(): boolean {
    return this.#exchange === undefined && this.#body === undefined && !this.#parser.started
  }

  mayKeepAlive(): boolean {
    if (this.#engine.draining || this.#served >= this.#engine.limits.maxRequestsPerConnection) {
      return false
    }
    if (this.#inputEnded && this.#pending === undefined) return false
    const body = this.#body
    if (body === undefined || body.complete || body.started) return true
    // Nobody has asked for the body: whether it comes at all is open, or it is not worth reading.
    return !this.#expectsContinue && (body.remaining ?? 0) <= MAX_DISCARDED_BYTES
  }

  dateLine(): string {
    return this.#engine.dateLine()
  }

  flushLater(exchange: HttpExchange): void {
    this.#engine.flushLater(exchange)
  }

  responseEnded(exchange: HttpExchange): void {
    // Mostly the kernel has taken everything by now; then no callback is needed.
    if (this.socket.writableLength === 0) this.#finish(exchange)
    else this.socket.write(NOTHING, (error) => error ?? this.#finish(exchange))
  }

  handlerFailed(exchange: HttpExchange, error: unknown): void {
    this.#engine.handlerFailed(error)
    if (this.#exchange === exchange) this.#refuse(REFUSALS.internal)
  }

  cut(exchange: HttpExchange): void {
    if (this.#exchange === exchange) this.#destroy()
  }

  bodyFlows(_body: RequestBody, first: boolean): void {
    if (first && this.#expectsContinue && this.#pending === undefined) {
      if (this.#exchange?.headSent === false) this.socket.write(CONTINUE, 'latin1')
    }
    if (first) this.#expectsContinue = false
    this.#run()
  }

  /** Closes when idle for a while; else the next response says that it is the last. */
  drain(): void {
    if (this.#closing || !this.#idle) return
    const engine = this.#engine
    const { drainGraceMs, keepAliveTimeoutMs } = engine.limits
    const graceEnd = engine.deadline(drainGraceMs)
    const idleTicks = engine.deadline(keepAliveTimeoutMs) - this.#readDeadline
    const isStale = this.#served > 0 && idleTicks >= graceEnd - engine.now
    if (isStale || drainGraceMs === 0) this.#closeGracefully()
    else this.#readDeadline = Math.min(this.#readDeadline, graceEnd)
  }

  stop(): void {
    this.#destroy()
  }

  /** Called at every tick of the engine. */
  sweep(): void {
    const engine = this.#engine
    if (this.socket.writableLength > 0) {
      if (this.#progress.isStalled(engine)) this.#destroy()
      else if (this.#closing) this.#readDeadline = engine.deadline(engine.limits.lingerTimeoutMs)
      return
    }
    this.#progress.clear()
    if (engine.now >= this.#readDeadline) this.#expire()
  }

  #expire(): void {
    if (this.#closing) this.socket.destroy()
    else if (this.#parser.started) this.#refuse(REFUSALS.slowHead)
    else if (this.#idle) this.#closeGracefully()
    else if (this.#exchange === undefined) this.#destroy()
    else this.#refuse(REFUSALS.slowBody)
  }

  #onData(chunk: Buffer): void {
    if (this.#closing) {
      this.#lingerBudget -= chunk.length
      if (this.#lingerBudget < 0) this.socket.destroy()
      return
    }
    if (this.#pending === undefined) {
      this.#pending = chunk
      this.#position = 0
    } else {
      this.#pending = Buffer.concat([this.#pending.subarray(this.#position), chunk])
      this.#position = 0
    }
    this.#run()
  }

  /** The client has shut its side. */
  #onEnd(): void {
    this.#inputEnded = true
    if (this.#closing || this.#pending !== undefined) return
    this.#meetEnd()
  }

  #meetEnd(): void {
    if (this.#parser.started) this.#refuse(REFUSALS.cutHead)
    else if (this.#body !== undefined && !this.#body.complete) {
      if (this.#exchange === undefined) this.#closeGracefully()
      else this.#refuse(REFUSALS.cutBody)
    } else if (this.#idle) this.#closeGracefully()
  }

  #onClose(): void {
    this.#closing = true
    this.#abandon(new Error('the client closed the connection'))
    this.#engine.connectionClosed(this)
  }

  /** Uses what has arrived, as far as anybody wants it. */
  #run(): void {
    if (this.#running) return
    this.#running = true
    const limit = this.#served + MAX_REQUESTS_PER_TURN
    try {
      while (this.#pending !== undefined && !this.#closing && this.#served < limit) {
        if (!this.#step(this.#pending)) break
      }
    } catch (error) {
      this.#engine.handlerFailed(error)
      if (this.#exchange === undefined) this.#closeGracefully()
      else this.#refuse(REFUSALS.internal)
    }
    this.#running = false
    this.#settle(limit)
  }

  /** One head or one piece of a body; false when the bytes have to wait. */
  #step(bytes: Buffer): boolean {
    if (this.#body !== undefined) {
      if (!this.#body.flowing) return false
      this.#readBody(this.#body, bytes)
    } else {
      if (this.#exchange !== undefined) return false
      this.#readHead(bytes)
    }
    return true
  }

  #advance(bytes: Buffer, position: number): void {
    this.#position = position
    if (position >= bytes.length) this.#pending = undefined
  }

  #readHead(bytes: Buffer): void {
    const wasStarted = this.#parser.started
    this.#advance(bytes, this.#parser.feed(bytes, this.#position))
    const head = this.#parser.take()
    if (head !== undefined) {
      this.#begin(head)
    } else if (this.#parser.refusal !== undefined) {
      this.#refuse(this.#parser.refusal)
    } else if (!wasStarted && this.#parser.started) {
      this.#readDeadline = this.#engine.deadline(this.#engine.limits.headerTimeoutMs)
    }
  }

  #begin(head: RequestHead): void {
    const limits = this.#engine.limits
    if (limits.maxBodyBytes > 0 && head.contentLength > limits.maxBodyBytes) {
      this.#refuse(REFUSALS.longBody)
      return
    }
    const hasBody = head.chunked || head.contentLength > 0
    this.#served++
    this.#readDeadline = NEVER
    this.#body = hasBody ? new RequestBody(this, head.contentLength, limits) : undefined
    this.#expectsContinue = head.expectsContinue && hasBody
    this.#exchange = new HttpExchange(this, head, this.#body)
    this.#engine.exchangeBegan()
    this.#engine.handler(this.#exchange)
  }

  #readBody(body: RequestBody, bytes: Buffer): void {
    const end = body.feed(bytes, this.#position)
    if (this.#closing) return
    this.#advance(bytes, end)
    if (body.refusal !== undefined) {
      if (this.#exchange === undefined) this.#destroy()
      else this.#refuse(body.refusal)
    } else if (body.complete) {
      this.#body = undefined
    } else if (body.overspent) {
      this.#closeGracefully()
    }
  }

  /** After a run: who waits for what, and until when. */
  #settle(limit: number): void {
    if (this.#closing) return
    if (this.#pending !== undefined) {
      if (this.#served >= limit && this.#exchange === undefined) setImmediate(() => this.#run())
      this.#pause()
    } else {
      if (this.#inputEnded) this.#meetEnd()
      this.#resume()
    }
    this.#setReadDeadline()
  }

  #setReadDeadline(): void {
    const { limits } = this.#engine
    if (this.#closing) return
    if (this.#body !== undefined) {
      const waits = this.#body.flowing && this.#pending === undefined
      this.#readDeadline = waits ? this.#engine.deadline(limits.bodyTimeoutMs) : NEVER
    } else if (this.#exchange !== undefined) {
      this.#readDeadline = NEVER
    } else if (!this.#parser.started && this.#served > 0) {
      const { draining } = this.#engine
      const timeoutMs = draining ? limits.drainGraceMs : limits.keepAliveTimeoutMs
      this.#readDeadline = this.#engine.deadline(timeoutMs)
    }
  }

  #pause(): void {
    if (this.#paused) return
    this.#paused = true
    this.socket.pause()
  }

  #resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.socket.resume()
  }

  /** The response has left. */
  #finish(exchange: HttpExchange): void {
    if (this.#exchange !== exchange) return
    this.#exchange = undefined
    this.#engine.exchangeEnded()
    const keep = exchange.keepAlive && this.#discardRest()
    if (!keep) this.#closeGracefully()
    exchange.close(false)
    this.#run()
  }

  /** Returns false when what is left of the request is not worth reading. */
  #discardRest(): boolean {
    const body = this.#body
    if (body === undefined) return true
    const worthIt = (body.remaining ?? 0) <= MAX_DISCARDED_BYTES
    body.fail(new Error('the response ended before the request body'))
    if (worthIt) body.discard(MAX_DISCARDED_BYTES)
    return worthIt
  }

  /** Answers for the handler, if the response has not begun, and closes. */
  #refuse(refusal: Refusal): void {
    this.#engine.refused(refusal)
    const exchange = this.#exchange
    if (exchange?.headSent === true) {
      this.#destroy()
      return
    }
    this.socket.write(refusalMessage(refusal, exchange?.method === 'HEAD', this.dateLine()))
    this.#closeGracefully()
    this.#abandon(new Error(refusal.reason))
  }

  /** Shuts our side; the client gets time to read what is on its way to it. */
  #closeGracefully(): void {
    if (this.#closing) return
    this.#closing = true
    this.#pending = undefined
    this.#readDeadline = this.#engine.deadline(this.#engine.limits.lingerTimeoutMs)
    this.socket.end()
    this.#resume()
  }

  /** Cuts the connection. */
  #destroy(): void {
    const closeDelimited = this.#exchange?.closeDelimited === true
    this.#closing = true
    this.#pending = undefined
    // Only a reset tells a client that waits for the end of the connection that this is not the end.
    if (closeDelimited && !this.facts.encrypted) this.socket.resetAndDestroy()
    else this.socket.destroy()
    this.#abandon(new Error('the connection was cut'))
  }

  /** Lets go of the exchange, if there is one. */
  #abandon(error: Error): void {
    const exchange = this.#exchange
    const body = this.#body
    this.#exchange = undefined
    this.#body = undefined
    if (exchange !== undefined) this.#engine.exchangeEnded()
    body?.fail(error)
    exchange?.close(true)
  }
}
