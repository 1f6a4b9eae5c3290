import type { BodySink, BodySource, RawHeaders } from '../model/http-message.ts'
import { ChunkedDecoder } from './chunked-decoder.ts'
import type { HttpLimits } from './limits.ts'
import { REFUSALS, type Refusal } from './refusal.ts'

/** A body nobody wants is read to its end up to this size, to keep the connection. */
const MAX_DISCARDED_BYTES = 65_536
/** One whose length only its end tells: what a closing connection would have to read as well. */
const MAX_DISCARDED_CHUNKED_BYTES = 8_388_608
const NO_TRAILERS: RawHeaders = []

/** What a body needs of its connection: to be asked for bytes. */
export interface BodyOwner {
  /** The body flows again: bytes that wait may be fed to it. */
  bodyFlows(first: boolean): void
}

/**
 * The body of one request. Nothing is decoded before somebody wants it: bytes wait in the
 * connection, and the client waits with them. `onEnd` may follow an `onData` that returned false.
 */
export class RequestBody implements BodySource {
  readonly length: number | undefined
  /** True while bytes may be fed. */
  flowing = false
  /** True once anybody has asked for the body. */
  started = false
  complete = false
  refusal: Refusal | undefined = undefined
  readonly #owner: BodyOwner
  readonly #maxBytes: number
  readonly #decoder: ChunkedDecoder | undefined
  #remaining: number
  #received = 0
  #sink: BodySink | undefined = undefined
  #failure: Error | undefined = undefined
  #discardBudget = Number.POSITIVE_INFINITY

  /** `length` -1: chunked. */
  constructor(owner: BodyOwner, length: number, limits: HttpLimits) {
    this.#owner = owner
    this.#maxBytes = limits.maxBodyBytes === 0 ? Number.POSITIVE_INFINITY : limits.maxBodyBytes
    this.#decoder = length < 0 ? new ChunkedDecoder(limits) : undefined
    this.#remaining = length
    this.length = length < 0 ? undefined : length
  }

  /** Bytes of the body that have arrived, without what frames them. */
  get received(): number {
    return this.#decoder === undefined ? (this.length ?? 0) - this.#remaining : this.#received
  }

  /**
   * Whether `discard` would read the rest, to keep the connection. What is left of a chunked body
   * nobody knows: one that was long so far is taken for long.
   */
  get isWorthReading(): boolean {
    return (this.#decoder === undefined ? this.#remaining : this.#received) <= MAX_DISCARDED_BYTES
  }

  start(sink: BodySink): void {
    if (this.started) {
      sink.onError(this.#failure ?? new Error('a request body flows only once'))
      return
    }
    this.started = true
    this.#sink = sink
    this.flowing = true
    this.#owner.bodyFlows(true)
  }

  resume(): void {
    if (this.flowing || this.#sink === undefined) return
    this.flowing = true
    this.#owner.bodyFlows(false)
  }

  /** Nobody wants the rest: it may be read and dropped. */
  discard(): void {
    this.#discardBudget =
      this.#decoder === undefined ? MAX_DISCARDED_BYTES : MAX_DISCARDED_CHUNKED_BYTES
    this.flowing = true
  }

  /** True when more had to be dropped than `discard` allowed. */
  get overspent(): boolean {
    return this.#discardBudget < 0
  }

  /** Takes wire bytes from `from` on; returns the position after the last one of this body. */
  feed(bytes: Buffer, from: number): number {
    const end =
      this.#decoder === undefined
        ? this.#feedCounted(bytes, from)
        : this.#feedChunked(this.#decoder, bytes, from)
    this.#discardBudget -= end - from
    return end
  }

  #feedCounted(bytes: Buffer, from: number): number {
    const end = Math.min(bytes.length, from + this.#remaining)
    this.#remaining -= end - from
    this.complete = this.#remaining === 0
    this.#deliver(bytes, from, end)
    if (this.complete) this.#finish(NO_TRAILERS)
    return end
  }

  #feedChunked(decoder: ChunkedDecoder, bytes: Buffer, from: number): number {
    const end = decoder.decode(bytes, from)
    this.#received += decoder.dataEnd - decoder.dataStart
    this.refusal = this.#received > this.#maxBytes ? REFUSALS.longBody : decoder.refusal
    if (this.refusal !== undefined) return end
    this.complete = decoder.done
    this.#deliver(bytes, decoder.dataStart, decoder.dataEnd)
    if (this.complete) this.#finish(decoder.trailers)
    return end
  }

  #deliver(bytes: Buffer, from: number, end: number): void {
    const sink = this.#sink
    if (from === end || sink === undefined) return
    const whole = from === 0 && end === bytes.length
    const flows = sink.onData(whole ? bytes : bytes.subarray(from, end))
    // The sink may have ended the exchange meanwhile, and this body with it.
    if (this.#sink === sink) this.flowing = flows
  }

  #finish(trailers: RawHeaders): void {
    const sink = this.#sink
    this.#sink = undefined
    sink?.onEnd(trailers)
  }

  /** The sink, now or to come, will not see the end of this body. */
  fail(error: Error): void {
    const sink = this.#sink
    this.#failure = error
    this.started = true
    this.#sink = undefined
    this.flowing = false
    sink?.onError(error)
  }
}
