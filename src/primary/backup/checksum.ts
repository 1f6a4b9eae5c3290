import { createHash, type Hash, hash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { ConfigError } from '../../model/errors.ts'

/** Small enough that a CRC-32 tells any two flipped bits of a block from all others. */
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
 * Undoes flipped bits, at most two in each block; undefined when the bytes differ in another way.
 * What is returned is proved to be what was written.
 */
export function undoFlippedBits(bytes: Buffer, sum: Checksum): Buffer | undefined {
  const sums = Buffer.from(sum.blocks, 'base64')
  const isSame =
    bytes.length === sum.bytes && sums.length === Math.ceil(bytes.length / BLOCK_BYTES) * CRC_BYTES
  if (!isSame) return undefined
  const restored = Buffer.from(bytes)
  for (let at = 0, n = 0; at < restored.length; at += BLOCK_BYTES, n += CRC_BYTES) {
    const block = restored.subarray(at, at + BLOCK_BYTES)
    if (!undoFlippedBlock(block, sums.readUInt32BE(n))) return undefined
  }
  return fits(restored, sum) ? restored : undefined
}

/** Two bits in one byte are what typing another character may change: that is an edit. */
function undoFlippedBlock(block: Buffer, wanted: number): boolean {
  // CRCs are linear: the difference of two depends only on which bits differ.
  const difference = (crc32(block) ^ wanted) >>> 0
  if (difference === 0) return true
  const bitOf = singleBits(block.length)
  for (const [syndrome, bit] of [[0, undefined] as const, ...bitOf]) {
    const other = bitOf.get((difference ^ syndrome) >>> 0)
    if (other === undefined || (bit !== undefined && bit >> 3 === other >> 3)) continue
    for (const flipped of [bit, other]) {
      if (flipped !== undefined)
        block[flipped >> 3] = (block[flipped >> 3] ?? 0) ^ (1 << (flipped & 7))
    }
    return true
  }
  return false
}

const singleBitsByLength = new Map<number, Map<number, number>>()

/** How each single bit of a block of this length changes its CRC. */
function singleBits(length: number): Map<number, number> {
  let bitOf = singleBitsByLength.get(length)
  if (bitOf !== undefined) return bitOf
  bitOf = new Map()
  const block = Buffer.alloc(length)
  const zero = crc32(block)
  for (let bit = 0; bit < length * 8; bit++) {
    block[bit >> 3] = 1 << (bit & 7)
    bitOf.set((crc32(block) ^ zero) >>> 0, bit)
    block[bit >> 3] = 0
  }
  singleBitsByLength.set(length, bitOf)
  return bitOf
}

function blockSums(bytes: Buffer): Buffer {
  const sums = Buffer.alloc(Math.ceil(bytes.length / BLOCK_BYTES) * CRC_BYTES)
  for (let at = 0, n = 0; at < bytes.length; at += BLOCK_BYTES, n += CRC_BYTES) {
    sums.writeUInt32BE(crc32(bytes.subarray(at, at + BLOCK_BYTES)), n)
  }
  return sums
}
