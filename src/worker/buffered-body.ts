import { GatewayError } from '../model/errors.ts'
import type { BodySink, BodySource, RawHeaders } from '../model/http-message.ts'
import { HeldBody } from './held-body.ts'

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

/** Other bodies have all the memory that there is for them: answered with 503. */
class BodyMemoryError extends GatewayError {
  constructor() {
    super('GW_REQUEST_NO_MEMORY', 'no memory is left to hold the request body')
  }
}

/** What a client gets when its body could not be had; undefined for any other failure. */
export function statusOfBodyError(error: unknown): 413 | 503 | undefined {
  if (error instanceof RequestTooLargeError) return 413
  return error instanceof BodyMemoryError ? 503 : undefined
}

/** The body could not be had: no failure of whoever wanted it. */
export function isBodyError(error: unknown): boolean {
  return error instanceof RequestAbortedError || statusOfBodyError(error) !== undefined
}

/**
 * Reads a body to its end. `hold` asks for memory, before it is used.
 * @throws RequestTooLargeError or BodyMemoryError as soon as it is known; RequestAbortedError when
 * the client leaves.
 */
export function readWhole(
  source: BodySource,
  maxBytes: number,
  hold: (bytes: number) => boolean,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (source.length !== undefined && source.length > maxBytes) {
      reject(new RequestTooLargeError(maxBytes))
      return
    }
    const body = new HeldBody(source.length ?? maxBytes, hold)
    let room = maxBytes
    let failed = false
    source.start({
      onData(chunk) {
        room -= chunk.length
        failed ||= room < 0 || !body.add(chunk)
        if (failed) reject(room < 0 ? new RequestTooLargeError(maxBytes) : new BodyMemoryError())
        return !failed
      },
      onEnd: () => resolve(body.bytes),
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
