import { GatewayError } from '../model/errors.ts'
import type { BodySink, BodySource, RawHeaders } from '../model/http-message.ts'

/** So many are merged into one: a body that drips in byte by byte would cost a hundred times its size. */
const MAX_PIECES = 256

/** The client's body is larger than what may be held in memory: answered with 413. */
export class RequestTooLargeError extends GatewayError {
  constructor(maxBytes: number) {
    super('GW_REQUEST_TOO_LARGE', `the request body is larger than ${maxBytes} bytes`)
  }
}

/** The client's body was cut short: there is nobody left to answer. */
export class RequestAbortedError extends GatewayError {
  constructor(cause: Error) {
    super('GW_REQUEST_ABORTED', 'the request body was cut short', { cause })
  }
}

/** The client sent too much, or left: no failure of anything here. */
export function isClientsFault(error: unknown): boolean {
  return error instanceof RequestTooLargeError || error instanceof RequestAbortedError
}

/**
 * Reads a body to its end.
 * @throws RequestTooLargeError as soon as it is known; RequestAbortedError when the client leaves.
 */
export function readWhole(source: BodySource, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (source.length !== undefined && source.length > maxBytes) {
      reject(new RequestTooLargeError(maxBytes))
      return
    }
    const chunks: Buffer[] = []
    let merged = 0
    let size = 0
    source.start({
      onData(chunk) {
        size += chunk.length
        if (size > maxBytes) reject(new RequestTooLargeError(maxBytes))
        else chunks.push(chunk)
        if (chunks.length - merged > MAX_PIECES) chunks.push(Buffer.concat(chunks.splice(merged++)))
        return size <= maxBytes
      },
      onEnd: () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)),
      onError: (error) => {
        // That of a limit which somebody else has set.
        const tooLarge = error instanceof RequestTooLargeError
        reject(tooLarge ? error : new RequestAbortedError(error))
      },
    })
  })
}

/** A body from memory; its length is announced. */
export function bodyFromMemory(bytes: Buffer): BodySource {
  return {
    length: bytes.length,
    start(sink) {
      if (bytes.length > 0) sink.onData(bytes)
      sink.onEnd([])
    },
    resume() {},
  }
}

/** A body that nobody can have any more. */
export function failedBody(length: number | undefined, error: Error): BodySource {
  return { length, start: (sink) => sink.onError(error), resume() {} }
}

/** The same body, which fails beyond `maxBytes` with RequestTooLargeError. */
export function limitedBody(source: BodySource, maxBytes: number): BodySource {
  let size = 0
  return {
    length: source.length,
    resume: () => source.resume(),
    start(sink: BodySink) {
      source.start({
        onData(chunk) {
          size += chunk.length
          if (size <= maxBytes) return sink.onData(chunk)
          // Once; what still comes is dropped, the sink hears nothing more.
          if (size - chunk.length <= maxBytes) sink.onError(new RequestTooLargeError(maxBytes))
          return false
        },
        onEnd(trailers) {
          if (size <= maxBytes) sink.onEnd(trailers)
        },
        onError(error) {
          if (size <= maxBytes) sink.onError(error)
        },
      })
    },
  }
}

/** Hears of a body that flows to somebody else. */
export interface BodyObserver {
  onData(chunk: Buffer): void
  onEnd(trailers: RawHeaders): void
  onError(error: Error): void
}

/** The same body, with somebody listening; the listener can't hold it up. */
export function observedBody(source: BodySource, observer: BodyObserver): BodySource {
  return {
    length: source.length,
    resume: () => source.resume(),
    start(sink: BodySink) {
      source.start({
        onData(chunk) {
          observer.onData(chunk)
          return sink.onData(chunk)
        },
        onEnd(trailers) {
          observer.onEnd(trailers)
          sink.onEnd(trailers)
        },
        onError(error) {
          observer.onError(error)
          sink.onError(error)
        },
      })
    },
  }
}
