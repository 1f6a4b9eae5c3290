import { promisify } from 'node:util'
import { brotliDecompress, constants, gunzip, type ZlibOptions } from 'node:zlib'

/** A body that was cut off ends in the middle: what there is of it is decoded. */
const GUNZIP: ZlibOptions = { finishFlush: constants.Z_SYNC_FLUSH }
const BROTLI = { finishFlush: constants.BROTLI_OPERATION_FLUSH }

/** The beginning of a body that passes by, copied: the pieces themselves are parts of larger ones. */
export class CapturedBody {
  readonly #maxBytes: number
  readonly #chunks: Buffer[] = []
  #size = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  add(chunk: Buffer): void {
    const room = this.#maxBytes - this.#size
    if (room <= 0) return
    const part = Buffer.from(chunk.subarray(0, room))
    this.#chunks.push(part)
    this.#size += part.length
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
