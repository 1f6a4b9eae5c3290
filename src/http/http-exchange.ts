import type { Socket } from 'node:net'
import type { ClientConnection, RawHeaders } from '../model/http-message.ts'
import type { Exchange } from './exchange.ts'
import type { RequestBody } from './request-body.ts'
import type { RequestHead } from './request-head.ts'
import {
  buildResponseHead,
  FRAMING_CHUNKED,
  FRAMING_CLOSE,
  FRAMING_LENGTH,
  FRAMING_NONE,
  fieldLine,
} from './response-head.ts'
import { writeMessage } from './response-writer.ts'
import { isForbiddenTrailer } from './trailer-fields.ts'

/** Up to here a first chunk waits for the end of the turn, to leave in one write with what follows. */
const MAX_HELD_BYTES = 16_384

/** What an exchange needs of the connection it came on. */
export interface ExchangeOwner {
  readonly socket: Socket
  readonly facts: ClientConnection
  /** Decided when the response head is built: the head announces it. */
  mayKeepAlive(): boolean
  dateLine(): string
  /** Calls `flush` at the end of this turn of the event loop. */
  flushLater(exchange: HttpExchange): void
  /** The whole response was handed to the socket. */
  responseEnded(exchange: HttpExchange): void
  /** The handler broke the contract. Answered with 500 while that is possible, else a cut. */
  handlerFailed(exchange: HttpExchange, error: unknown): void
  /** A callback of the handler threw; what it was told holds nevertheless. */
  callbackFailed(error: unknown): void
  /** The response can not be completed. */
  cut(exchange: HttpExchange): void
}

/** One HTTP/1 request and its response. Once over, everything the handler still does is ignored. */
export class HttpExchange implements Exchange {
  readonly method: string
  readonly target: string
  readonly httpVersion: '1.0' | '1.1'
  readonly headers: RawHeaders
  readonly authority: string
  readonly body: RequestBody | undefined
  readonly startedAt: number
  responded = false
  status = 0
  bytesSent = 0
  headBytes = 0
  onDrain: (() => void) | undefined = undefined
  onClose: ((aborted: boolean) => void) | undefined = undefined
  /** Whether the connection outlives the response; settled by `respond`. */
  keepAlive: boolean
  /** True once a byte of the response may have left. */
  headSent = false
  readonly #owner: ExchangeOwner
  readonly #requestHeadBytes: number
  #over = false
  #ended = false
  #framing = FRAMING_NONE
  #remaining = 0
  #head = ''
  #held: Buffer | undefined = undefined

  constructor(owner: ExchangeOwner, head: RequestHead, body: RequestBody | undefined) {
    this.#owner = owner
    this.#requestHeadBytes = head.size
    this.method = head.method
    this.target = head.target
    this.httpVersion = head.httpVersion
    this.headers = head.headers
    this.authority = head.authority
    this.keepAlive = head.keepAlive
    this.body = body
    this.startedAt = performance.now()
  }

  get connection(): ClientConnection {
    return this.#owner.facts
  }

  get bytesReceived(): number {
    return this.#requestHeadBytes + (this.body?.received ?? 0)
  }

  /** True when the end of the response is the end of the connection. */
  get closeDelimited(): boolean {
    return this.#framing === FRAMING_CLOSE
  }

  respond(
    status: number,
    reason: string,
    headers: RawHeaders,
    bodyLength: number | undefined,
  ): void {
    if (this.#prepare(status, reason, headers, bodyLength)) this.#owner.flushLater(this)
  }

  write(chunk: Buffer): boolean {
    if (this.#over || this.#ended) return false
    if (!this.responded) return this.#misused('write came before respond')
    if (this.#framing === FRAMING_NONE || chunk.length === 0) return true
    this.bytesSent += chunk.length
    if (this.#framing === FRAMING_LENGTH) {
      this.#remaining -= chunk.length
      if (this.#remaining < 0) return this.#misused('the response is longer than announced')
    }
    if (this.#framing !== FRAMING_CHUNKED) return this.#send('', chunk, '')
    return this.#writeChunk(chunk)
  }

  end(trailers?: RawHeaders): void {
    if (this.#over || this.#ended) return
    if (!this.responded) this.#misused('end came before respond')
    else if (this.#remaining > 0) this.#misused('the response is shorter than announced')
    else this.#complete(trailers)
  }

  reply(status: number, headers: RawHeaders, body: string | Buffer): void {
    const bytes = typeof body === 'string' ? Buffer.from(body) : body
    if (!this.#prepare(status, '', headers, bytes.length)) return
    if (bytes.length > 0) this.write(bytes)
    this.end()
  }

  abort(): void {
    if (!this.#over) this.#owner.cut(this)
  }

  /** Writes what waits for more to come. */
  flush(): void {
    if (this.#over || (this.#head === '' && this.#held === undefined)) return
    const held = this.#held
    this.#held = undefined
    if (held === undefined) this.#send('', undefined, '')
    else this.#send(sizeLine(held), held, '\r\n')
  }

  /** The exchange is over; tells the handler, once. */
  close(aborted: boolean): void {
    if (this.#over) return
    this.#over = true
    this.#held = undefined
    try {
      this.onClose?.(aborted)
    } catch (error) {
      this.#owner.callbackFailed(error)
    }
  }

  /** The client can take more. */
  drained(): void {
    try {
      this.onDrain?.()
    } catch (error) {
      this.#owner.handlerFailed(this, error)
    }
  }

  /** Builds the head; returns false if that was not possible. */
  #prepare(status: number, reason: string, headers: RawHeaders, length?: number): boolean {
    if (this.#over) return false
    if (this.responded) return this.#misused('respond came twice')
    const framing = this.#framingOf(status, length)
    this.keepAlive &&= framing !== FRAMING_CLOSE && this.#owner.mayKeepAlive()
    const facts = {
      framing,
      bodyLength: length,
      connection: this.#connectionField(),
      dateLine: this.#owner.dateLine(),
    }
    try {
      this.#head = buildResponseHead(status, reason, headers, facts)
    } catch (error) {
      this.#owner.handlerFailed(this, error)
      return false
    }
    this.responded = true
    this.status = status
    this.headBytes = this.#head.length
    this.#framing = framing
    this.#remaining = framing === FRAMING_LENGTH ? (length ?? 0) : 0
    return true
  }

  #framingOf(status: number, length: number | undefined): number {
    if (this.method === 'HEAD' || status === 204 || status === 304) return FRAMING_NONE
    if (length !== undefined) return FRAMING_LENGTH
    return this.httpVersion === '1.1' ? FRAMING_CHUNKED : FRAMING_CLOSE
  }

  #connectionField(): string {
    if (!this.keepAlive) return 'close'
    return this.httpVersion === '1.0' ? 'keep-alive' : ''
  }

  #writeChunk(chunk: Buffer): boolean {
    if (this.#held !== undefined) this.flush()
    if (this.#head !== '' && chunk.length <= MAX_HELD_BYTES) {
      this.#held = chunk
      return true
    }
    return this.#send(sizeLine(chunk), chunk, '\r\n')
  }

  #complete(trailers: RawHeaders | undefined): void {
    this.#ended = true
    if (this.#framing === FRAMING_CHUNKED) {
      const last = this.#lastChunk(trailers)
      if (last === undefined) return
      const held = this.#held
      this.#held = undefined
      if (held === undefined) this.#send(last, undefined, '')
      else this.#send(sizeLine(held), held, `\r\n${last}`)
    } else {
      this.flush()
    }
    this.#owner.responseEnded(this)
  }

  #lastChunk(trailers: RawHeaders | undefined): string | undefined {
    if (trailers === undefined || trailers.length === 0) return '0\r\n\r\n'
    let text = '0\r\n'
    try {
      for (let i = 0; i < trailers.length; i += 2) {
        const name = trailers[i] as string
        if (!isForbiddenTrailer(name)) text += fieldLine(name, trailers[i + 1] as string)
      }
    } catch (error) {
      this.#owner.handlerFailed(this, error)
      return undefined
    }
    return `${text}\r\n`
  }

  #send(prefix: string, chunk: Buffer | undefined, suffix: string): boolean {
    const head = this.#head
    this.#head = ''
    this.headSent = true
    return writeMessage(this.#owner.socket, head + prefix, chunk, suffix)
  }

  #misused(message: string): false {
    this.#owner.handlerFailed(this, new Error(message))
    return false
  }
}

function sizeLine(chunk: Buffer): string {
  return `${chunk.length.toString(16)}\r\n`
}
