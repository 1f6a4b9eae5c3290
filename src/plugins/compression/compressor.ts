import type { BrotliCompress, Gzip } from 'node:zlib'
import type { BodyFilter } from '../contract.ts'

/**
 * Lets a compressor hold all it has made until it is asked for: each piece is taken when it is done,
 * so that there is never more than one of them.
 */
export const UNBOUNDED_OUTPUT = { readableHighWaterMark: Number.MAX_SAFE_INTEGER }

/**
 * Compresses a body in libuv's threads, piece by piece; the source waits meanwhile. `isFlushDue` says
 * after each piece of so many bytes whether what was made of it must leave now.
 */
export function compressWith(
  stream: Gzip | BrotliCompress,
  isFlushDue: (bytes: number) => boolean,
): BodyFilter {
  let reject: ((error: Error) => void) | undefined
  stream.on('error', (error) => reject?.(error))

  function output(work: (done: () => void) => void): Promise<Buffer | undefined> {
    return new Promise((resolve, fail) => {
      reject = fail
      work(() => resolve((stream.read() as Buffer | null) ?? undefined))
    })
  }

  return {
    transform: (chunk) =>
      output((done) => {
        if (!isFlushDue(chunk.length)) {
          stream.write(chunk, done)
          return
        }
        stream.write(chunk)
        stream.flush(done)
      }),
    flush: () => output((done) => stream.end(done)),
    stop: () => stream.destroy(),
  }
}
