import type { Socket } from 'node:net'
import type { ClientConnection } from '../model/http-message.ts'
import { ClientEnd } from './client-end.ts'
import { clientFacts } from './client-facts.ts'
import type { ConnectionEngine } from './connection-engine.ts'
import { HeadParser } from './head-parser.ts'
import { type ExchangeOwner, HttpExchange } from './http-exchange.ts'
import { InputQueue } from './input-queue.ts'
import { ReadDeadline } from './read-deadline.ts'
import { REFUSALS, type Refusal } from './refusal.ts'
import { refusalMessage } from './refusal-message.ts'
import { type BodyOwner, RequestBody } from './request-body.ts'
import type { RequestHead } from './request-head.ts'
import { SendProgress } from './send-progress.ts'

/** What a closing connection may still receive before it is cut. */
const MAX_LINGER_BYTES = 8_388_608
/** Pipelined requests answered in one turn of the event loop before others get theirs. */
const MAX_REQUESTS_PER_TURN = 16
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'
const NOTHING = Buffer.alloc(0)

/**
 * One client connection: reads heads and bodies, one exchange at a time.
 *
 * idle -first byte-> head -complete-> exchange (-> discarding the rest of its body) -> idle
 * any -refusal, last response, time-out-> closing (our side is shut, theirs is read for a while) -> gone
 *
 * The next head is read when the response before it has left: pipelined requests wait in `#input`.
 */
export class ServerConnection implements ExchangeOwner, BodyOwner {
  readonly socket: Socket
  readonly facts: ClientConnection
  readonly #engine: ConnectionEngine
  readonly #parser: HeadParser
  readonly #progress: SendProgress
  readonly #input: InputQueue
  readonly #inputEnd: ClientEnd
  readonly #readDeadline: ReadDeadline
  #exchange: HttpExchange | undefined = undefined
  /** The request body that is on the wire; may outlive its exchange while it is discarded. */
  #body: RequestBody | undefined = undefined
  #expectsContinue = false
  #running = false
  #closing = false
  #served = 0
  #lingerBudget = MAX_LINGER_BYTES

  constructor(engine: ConnectionEngine, socket: Socket) {
    this.#engine = engine
    this.socket = socket
    this.facts = clientFacts(socket)
    this.#parser = new HeadParser(engine.limits)
    this.#progress = new SendProgress(socket)
    this.#input = new InputQueue(socket)
    this.#inputEnd = new ClientEnd(socket)
    this.#readDeadline = new ReadDeadline(engine)
    // A client may shut its side after the request; the answer must still reach it.
    socket.allowHalfOpen = true
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    socket.on('end', () => this.#onEnd())
    socket.on('drain', () => this.#exchange?.drained())
    socket.on('error', () => undefined)
    socket.on('close', () => this.#onClose())
    socket.resume()
  }

  /** True between two requests, and before the first. */
  get #idle(): boolean {
    return this.#exchange === undefined && this.#body === undefined && !this.#parser.started
  }

  mayKeepAlive(): boolean {
    const { draining, allowKeepAlive } = this.#engine
    if (
      draining ||
      !allowKeepAlive ||
      this.#served >= this.#engine.limits.maxRequestsPerConnection
    ) {
      return false
    }
    if (this.#inputEnd.hasCome && this.#input.bytes === undefined) return false
    if (this.#body === undefined) return true
    // An answer to a large upload that is still on its way: the rest will not be read.
    if (!this.#body.isWorthReading) return false
    // Nobody has asked for the body. One that waits for our 100 may come or not: nobody can tell.
    return this.#body.started || !this.#expectsContinue
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
    else this.socket.write(NOTHING, (error) => this.#flushed(exchange, error))
  }

  handlerFailed(exchange: HttpExchange, error: unknown): void {
    this.#engine.handlerFailed(error)
    if (this.#exchange === exchange) this.#refuse(REFUSALS.internal)
  }

  callbackFailed(error: unknown): void {
    this.#engine.handlerFailed(error)
  }

  cut(exchange: HttpExchange): void {
    if (this.#exchange === exchange) this.#destroy()
  }

  bodyFlows(first: boolean): void {
    if (first && this.#expectsContinue && this.#input.bytes === undefined) {
      if (this.#exchange?.headSent === false) this.socket.write(CONTINUE, 'latin1')
    }
    if (first) this.#expectsContinue = false
    const bytes = this.#input.bytes
    // Within the handler's call: what came along with the head is handed over before `start` returns,
    // so that a short body is known to be whole.
    if (first && this.#running && bytes !== undefined && this.#body !== undefined) {
      this.#readBody(this.#body, bytes)
    } else {
      this.#run()
    }
  }

  /** Closes when idle for a while; else the next response says that it is the last. */
  drain(): void {
    if (this.#closing || !this.#idle || this.closeIfStale()) return
    this.#readDeadline.hurry()
  }

  /** Closes when idle for longer than a request may be on the wire; true when it did. */
  closeIfStale(): boolean {
    if (this.#closing || !this.#idle) return false
    const isStale = this.#served > 0 && this.#readDeadline.isStale
    if (!isStale && this.#engine.limits.drainGraceMs > 0) return false
    this.#closeGracefully()
    return true
  }

  stop(): void {
    this.#destroy()
  }

  /** Called at every tick of the engine. */
  sweep(): void {
    if (this.socket.writableLength > 0) {
      if (this.#progress.isStalled(this.#engine)) this.#destroy()
      else if (this.#closing) this.#readDeadline.setForEnd()
      return
    }
    this.#progress.clear()
    if (this.#readDeadline.hasPassed) this.#expire()
  }

  #expire(): void {
    if (this.#closing) this.socket.destroy()
    else if (this.#parser.started) this.#refuse(REFUSALS.slowHead)
    else if (this.#idle) this.#closeGracefully()
    else if (this.#exchange === undefined) this.#destroy()
    else if (!this.#inputEnd.hasCome) this.#refuse(REFUSALS.slowBody)
    else if (this.#inputEnd.meansLeft()) this.#destroy()
  }

  #onData(chunk: Buffer): void {
    if (this.#closing) {
      this.#lingerBudget -= chunk.length
      if (this.#lingerBudget < 0) this.socket.destroy()
      return
    }
    this.#input.put(chunk)
    this.#run()
  }

  /** The client has shut its side. */
  #onEnd(): void {
    this.#inputEnd.note()
    if (this.#closing) return
    if (this.#input.bytes === undefined) this.#meetEnd()
    if (this.#exchange === undefined) return
    const atOnce = this.#engine.limits.halfCloseTimeoutMs === 0
    if (atOnce && this.socket.writableLength === 0) this.#destroy()
    else this.#setReadDeadline()
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
      while (this.#input.bytes !== undefined && !this.#closing && this.#served < limit) {
        if (!this.#step(this.#input.bytes)) break
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

  #readHead(bytes: Buffer): void {
    const wasStarted = this.#parser.started
    this.#input.advance(this.#parser.feed(bytes, this.#input.position))
    const head = this.#parser.take()
    if (head !== undefined) {
      this.#begin(head)
    } else if (this.#parser.refusal !== undefined) {
      this.#refuse(this.#parser.refusal)
    } else if (!wasStarted && this.#parser.started) {
      this.#readDeadline.setForHead()
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
    this.#body = hasBody ? new RequestBody(this, head.contentLength, limits) : undefined
    this.#expectsContinue = head.expectsContinue && hasBody
    this.#exchange = new HttpExchange(this, head, this.#body)
    this.#engine.exchangeBegan()
    this.#engine.handler(this.#exchange)
  }

  #readBody(body: RequestBody, bytes: Buffer): void {
    const end = body.feed(bytes, this.#input.position)
    if (this.#closing) return
    this.#input.advance(end)
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
    if (this.#input.bytes === undefined) {
      if (this.#inputEnd.hasCome) this.#meetEnd()
    } else if (this.#served >= limit && this.#exchange === undefined) {
      setImmediate(() => this.#run())
    }
    this.#input.regulate()
    this.#setReadDeadline()
  }

  #setReadDeadline(): void {
    if (this.#closing) return
    if (this.#body?.flowing === true && this.#input.bytes === undefined) {
      this.#readDeadline.setForBody()
    } else if (this.#body !== undefined || this.#exchange !== undefined) {
      if (this.#inputEnd.hasCome) this.#readDeadline.setForSign()
      else this.#readDeadline.clear()
    } else if (!this.#parser.started && this.#served > 0) {
      this.#readDeadline.setForRequest()
    }
  }

  #flushed(exchange: HttpExchange, error: Error | null | undefined): void {
    // After an error the connection closes, and the exchange is aborted with it.
    if (!error) this.#finish(exchange)
  }

  /** The response has left. */
  #finish(exchange: HttpExchange): void {
    if (this.#exchange !== exchange) return
    this.#exchange = undefined
    this.#engine.exchangeEnded()
    this.#dropBody(exchange.keepAlive)
    if (!exchange.keepAlive) this.#closeGracefully()
    exchange.close(false)
    this.#run()
  }

  /** Takes the rest of the request's body from the handler; it has to be read if the connection goes on. */
  #dropBody(readOn: boolean): void {
    const body = this.#body
    if (body === undefined || body.complete) return
    this.#failBody(body, new Error('the response ended before the request body'))
    if (readOn) body.discard()
  }

  /** Answers for the handler, if the response has not begun, and closes. */
  #refuse(refusal: Refusal): void {
    const exchange = this.#exchange
    this.#engine.refused(refusal, this.facts, exchange !== undefined)
    if (exchange?.headSent === true) {
      this.#destroy()
      return
    }
    if (exchange !== undefined) exchange.status = refusal.status
    this.socket.write(refusalMessage(refusal, exchange?.method === 'HEAD', this.dateLine()))
    this.#closeGracefully()
    this.#abandon(new Error(refusal.reason))
  }

  /** Shuts our side; the client gets time to read what is on its way to it. */
  #closeGracefully(): void {
    if (this.#closing) return
    this.#closing = true
    this.#readDeadline.setForEnd()
    this.socket.end()
    this.#input.clear()
  }

  /** Cuts the connection. */
  #destroy(): void {
    const closeDelimited = this.#exchange?.closeDelimited === true
    this.#closing = true
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
    // First: who sends the body on would take its failure for one of the node, and answer it.
    exchange?.close(true)
    if (body !== undefined) this.#failBody(body, error)
  }

  #failBody(body: RequestBody, error: Error): void {
    try {
      body.fail(error)
    } catch (thrown) {
      this.#engine.handlerFailed(thrown)
    }
  }
}
