/**
 * Header fields in wire order: `[name, value, name, value, …]`. Names keep the sender's letter
 * case; repeated fields stay repeated. Flat because it is the cheapest form to copy and filter.
 */
export type RawHeaders = string[]

/** Facts of the client connection an exchange came on. One object per connection. */
export interface ClientConnection {
  readonly remoteAddress: string
  readonly remotePort: number
  readonly localAddress: string
  readonly localPort: number
  readonly encrypted: boolean
}

/** Receives one message body. After `onEnd` or `onError` nothing more is called. */
export interface BodySink {
  /** Takes a chunk. Returns false when the source should pause until its `resume()`. */
  onData(chunk: Buffer): boolean
  /** The body is complete. `trailers` is empty unless the sender sent trailer fields. */
  onEnd(trailers: RawHeaders): void
  /** The body was cut short: what came before must never be presented as complete. */
  onError(error: Error): void
}

/** A body in the making; flows once, to one sink. */
export interface BodySource {
  /** Announced length in bytes; undefined when only the end will tell (chunked). */
  readonly length: number | undefined
  /** Starts the flow; may call the sink synchronously with what has already arrived. */
  start(sink: BodySink): void
  /** Continues after `onData` returned false. */
  resume(): void
}

/** Receives one response: a head, then a body. `onError` may come instead of, or after, the head. */
export interface ResponseSink extends BodySink {
  /** The final response head (status 200–599). Called once, before any `onData`. */
  onHead(status: number, reason: string, headers: RawHeaders): void
}

/** A request on its way to a node. */
export interface PendingRequest {
  /** Continues delivery after `onData` returned false. */
  resume(): void
  /** The caller has lost interest: releases the connection; the sink hears nothing more. */
  abort(): void
}
