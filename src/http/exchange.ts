import type { BodySource, ClientConnection, RawHeaders } from '../model/http-message.ts'

/**
 * One request and its response, the same type whatever the protocol version.
 *
 * The handler answers exactly once: `respond`, then `write` any number of times, then `end`; or
 * `reply` for a whole response at once; or `abort`. The engine frames the body and removes nothing
 * from the headers it is given except what the framing itself must own (Content-Length is kept
 * when `bodyLength` says the same, Transfer-Encoding and Connection are the engine's).
 */
export interface Exchange {
  readonly method: string
  /** Origin-form target as received, `/path?query`; an absolute-form target is reduced to it. `*` only for OPTIONS. */
  readonly target: string
  readonly httpVersion: '1.0' | '1.1' | '2'
  /** The request's fields as received; the engine has already refused what is ambiguous. */
  readonly headers: RawHeaders
  /** Authority as received (`Host`, or the absolute-form's); empty only for HTTP/1.0 without Host. */
  readonly authority: string
  /** Undefined when the request has no body. */
  readonly body: BodySource | undefined
  readonly connection: ClientConnection
  /** Milliseconds of `performance.now()` when the head was complete. */
  readonly startedAt: number

  /** True once the response head was handed to the engine. */
  readonly responded: boolean
  /** Status of the response; 0 until it has one. */
  readonly status: number
  /** Bytes of the request so far: line, fields and body, without what frames the body. */
  readonly bytesReceived: number
  /** Bytes of response body accepted so far. */
  readonly bytesSent: number
  /** Bytes of the response's head; 0 until it has one. */
  readonly headBytes: number
  /** Writes the head. `bodyLength` in bytes; undefined = unknown (chunked, or close-delimited for HTTP/1.0). */
  respond(status: number, reason: string, headers: RawHeaders, bodyLength: number | undefined): void
  /** Writes body bytes. Returns false when the client is slow: wait for `onDrain`. */
  write(chunk: Buffer): boolean
  /** Completes the response; trailers are sent only in chunked framing. */
  end(trailers?: RawHeaders): void
  /** A whole response in one write; `content-length` is added. */
  reply(status: number, headers: RawHeaders, body: string | Buffer): void
  /** Gives up: the connection is cut, so that a partial response is never taken for a whole one. */
  abort(): void

  /** Called when the client can take more, after `write` returned false. */
  onDrain: (() => void) | undefined
  /** Called once, when the exchange is over: the response left completely, or the client went away (`aborted`). */
  onClose: ((aborted: boolean) => void) | undefined
}

/** Answers exchanges; must not throw (a throw is answered with 500 and logged by the engine). */
export type ExchangeHandler = (exchange: Exchange) => void
