const FIRST_CAPACITY = 4_096
const NOTHING = Buffer.alloc(0)

/**
 * A body as it arrives. One that comes in a piece is kept as it is. The pieces of any other are
 * copied together, so that it holds what it has asked for, however small they are and whatever came
 * with them on the wire; it grows by doubling, so that a body that drips in costs no more than others.
 */
export class HeldBody {
  readonly #maxBytes: number
  readonly #hold: (bytes: number) => boolean
  #buffer: Buffer = NOTHING
  #length = 0
  #held = 0

  /** @param hold Asks for that much more memory; false = there is none. */
  constructor(maxBytes: number, hold: (bytes: number) => boolean) {
    this.#maxBytes = maxBytes
    this.#hold = hold
  }

  /** Returns false when there is no memory for it; then nothing changes. */
  add(chunk: Buffer): boolean {
    const length = this.#length + chunk.length
    if (this.#length === 0) {
      // All that was read from the socket with it stays as long as it does.
      if (!this.#holds(chunk.buffer.byteLength)) return false
      this.#buffer = chunk
    } else {
      if (length > this.#buffer.length && !this.#grow(length)) return false
      chunk.copy(this.#buffer, this.#length)
    }
    this.#length = length
    return true
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  #grow(needed: number): boolean {
    const doubled = Math.max(FIRST_CAPACITY, this.#buffer.length * 2)
    const capacity = Math.max(needed, Math.min(doubled, this.#maxBytes))
    if (!this.#holds(capacity)) return false
    // Not from the shared pool: a slab of it would stay with the body.
    const grown = Buffer.allocUnsafeSlow(capacity)
    this.#buffer.copy(grown)
    this.#buffer = grown
    return true
  }

  #holds(bytes: number): boolean {
    if (bytes > this.#held) {
      if (!this.#hold(bytes - this.#held)) return false
      this.#held = bytes
    }
    return true
  }
}
