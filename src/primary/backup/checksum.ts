import { createHash, type Hash, hash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { ConfigError } from '../../model/errors.ts'

/** Small enough that two flipped bits of a small file are seldom in one block. */
const BLOCK_BYTES = 64
const CRC_BYTES = 4

/** What is known of the bytes of a file: enough to tell a flipped bit from an edit. */
export interface Checksum {
  bytes: number
  sha256: string
  /** CRC-32 of each 64 bytes, big-endian, one after the other, in base64. */
  blocks: string
}

/** Computes a checksum chunk by chunk. */
export class ChecksumBuilder {
  readonly #sha256: Hash = createHash('sha256')
  readonly #blocks: Buffer[] = []
  #rest: Buffer = Buffer.alloc(0)
  #bytes = 0

  add(chunk: Buffer): void {
    this.#sha256.update(chunk)
    this.#bytes += chunk.length
    const pending = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const whole = pending.length - (pending.length % BLOCK_BYTES)
    this.#blocks.push(blockSums(pending.subarray(0, whole)))
    this.#rest = pending.subarray(whole)
  }

  finish(): Checksum {
    const blocks = Buffer.concat([...this.#blocks, blockSums(this.#rest)]).toString('base64')
    return { bytes: this.#bytes, sha256: this.#sha256.digest('hex'), blocks }
  }
}

/** @throws ConfigError when the text is no checksum. */
export function decodeChecksum<T extends Checksum>(text: string): T {
  try {
    const value = JSON.parse(text)
    const { bytes, sha256, blocks } = value
    if (Number.isSafeInteger(bytes) && /^[0-9a-f]{64}$/.test(sha256) && typeof blocks === 'string')
      return value
  } catch {
    // Said below.
  }
  throw new ConfigError('GW_SNAPSHOT_INVALID', 'it is not a checksum file')
}

/** True when these are exactly the bytes that the checksum was made of. */
export function fits(bytes: Buffer, sum: Checksum): boolean {
  return bytes.length === sum.bytes && hash('sha256', bytes, 'hex') === sum.sha256
}

/**
 * Undoes flipped bits, at most one in each block; undefined when the bytes differ in another way.
 * What is returned is proved to be what was written, and so is that only single bits were flipped.
 */
export function undoFlippedBits(bytes: Buffer, sum: Checksum): Buffer | undefined {
  const sums = Buffer.from(sum.blocks, 'base64')
  const isSame =
    bytes.length === sum.bytes && sums.length === Math.ceil(bytes.length / BLOCK_BYTES) * CRC_BYTES
  if (!isSame) return undefined
  const restored = Buffer.from(bytes)
  for (let at = 0, n = 0; at < restored.length; at += BLOCK_BYTES, n += CRC_BYTES) {
    const block = restored.subarray(at, at + BLOCK_BYTES)
    if (!undoFlippedBit(block, sums.readUInt32BE(n))) return undefined
  }
  return fits(restored, sum) ? restored : undefined
}

function undoFlippedBit(block: Buffer, wanted: number): boolean {
  if (crc32(block) === wanted) return true
  for (let bit = 0; bit < block.length * 8; bit++) {
    const mask = 1 << (bit & 7)
    block[bit >> 3] = (block[bit >> 3] ?? 0) ^ mask
    if (crc32(block) === wanted) return true
    block[bit >> 3] = (block[bit >> 3] ?? 0) ^ mask
  }
  return false
}

function blockSums(bytes: Buffer): Buffer {
  const sums = Buffer.alloc(Math.ceil(bytes.length / BLOCK_BYTES) * CRC_BYTES)
  for (let at = 0, n = 0; at < bytes.length; at += BLOCK_BYTES, n += CRC_BYTES) {
    sums.writeUInt32BE(crc32(bytes.subarray(at, at + BLOCK_BYTES)), n)
  }
  return sums
}
