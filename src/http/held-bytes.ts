const FIRST_CAPACITY = 512

/** Bytes of a message part that arrived in pieces, joined. Grows by doubling: a drip of n bytes costs O(n). */
export class HeldBytes {
  length = 0
  bytes: Buffer = Buffer.alloc(0)

  append(chunk: Buffer, from: number, to: number): void {
    const needed = this.length + to - from
    if (needed > this.bytes.length) {
      // Not from the shared pool: a slow head would pin a whole slab of it.
      const grown = Buffer.allocUnsafeSlow(Math.max(FIRST_CAPACITY, needed, this.bytes.length * 2))
      this.bytes.copy(grown, 0, 0, this.length)
      this.bytes = grown
    }
    chunk.copy(this.bytes, this.length, from, to)
    this.length = needed
  }

  clear(): void {
    this.length = 0
    this.bytes = EMPTY
  }
}

const EMPTY = Buffer.alloc(0)
