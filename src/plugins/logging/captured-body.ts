import { promisify } from 'node:util'
import { brotliDecompress, constants, gunzip, type ZlibOptions } from 'node:zlib'
import type { RequestContext } from '../../model/request-context.ts'

/** A body that was cut off ends in the middle: what there is of it is decoded. */
const GUNZIP: ZlibOptions = { finishFlush: constants.Z_SYNC_FLUSH }
const BROTLI = { finishFlush: constants.BROTLI_OPERATION_FLUSH }

/** The beginning of a body that passes by, copied: the pieces themselves are parts of larger ones. */
export class CapturedBody {
  readonly #hold: RequestContext['holdMemory']
  readonly #chunks: Buffer[] = []
  #room: number

  /** @param hold Asks for memory; what there is none for is left out, with all after it. */
  constructor(maxBytes: number, hold: RequestContext['holdMemory']) {
    this.#room = maxBytes
    this.#hold = hold
  }

  add(chunk: Buffer): void {
    const part = chunk.subarray(0, this.#room)
    if (part.length === 0) return
    if (!this.#hold(part.length)) {
      this.#room = 0
      return
    }
    this.#chunks.push(Buffer.from(part))
    this.#room -= part.length
  }

  get bytes(): Buffer {
    return this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks)
  }
}

/**
 * A body as text, decompressed if it is gzip or br; what can't be is shown as it is. At most
 * `maxBytes` come out, however much a small body holds.
 */
export function readable(
  bytes: Buffer,
  encoding: string | undefined,
  maxBytes: number,
): string | Promise<string> {
  const decoded = decode(bytes, encoding?.trim().toLowerCase(), maxBytes)
  if (decoded === undefined) return bytes.toString()
  return decoded.then(
    (result) => result.toString(),
    () => bytes.toString(),
  )
}

function decode(
  bytes: Buffer,
  encoding: string | undefined,
  maxOutputLength: number,
): Promise<Buffer> | undefined {
  if (bytes.length === 0) return undefined
  if (encoding === 'gzip' || encoding === 'x-gzip') {
    return promisify(gunzip)(bytes, { ...GUNZIP, maxOutputLength })
  }
  if (encoding === 'br') return promisify(brotliDecompress)(bytes, { ...BROTLI, maxOutputLength })
  return undefined
}
