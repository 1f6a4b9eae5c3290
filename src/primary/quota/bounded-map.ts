/** Entries looked at in one sweep: about a millisecond. */
const SWEEP_STEP = 5_000

/**
 * A map for keys that clients make up. Beyond `maxSize` the entry that was used longest ago gives
 * way; `sweep`, called now and then, drops what is over.
 */
export class BoundedMap<V> {
  readonly #entries = new Map<string, V>()
  readonly #maxSize: number
  readonly #onDrop: (key: string) => void
  #sweeping: Iterator<[string, V]> | undefined
  /** Entries that had to give way. */
  evicted = 0

  /** `onDrop` hears of what gave way or was over, not of what was deleted. */
  constructor(maxSize: number, onDrop: (key: string) => void = () => {}) {
    this.#maxSize = maxSize
    this.#onDrop = onDrop
  }

  get size(): number {
    return this.#entries.size
  }

  values(): IterableIterator<V> {
    return this.#entries.values()
  }

  entries(): Iterable<[string, V]> {
    return this.#entries
  }

  /** Without making it the last one used. */
  peek(key: string): V | undefined {
    return this.#entries.get(key)
  }

  /** The entry of the key, made if need be, as the last one used. */
  use(key: string, create: () => V): V {
    const known = this.#entries.get(key)
    if (known !== undefined) this.#entries.delete(key)
    else if (this.#entries.size >= this.#maxSize) this.#evict()
    const value = known ?? create()
    this.#entries.set(key, value)
    return value
  }

  delete(key: string): void {
    this.#entries.delete(key)
  }

  /** Drops what is over among the next few thousand entries. */
  sweep(isOver: (value: V) => boolean): void {
    this.#sweeping ??= this.#entries.entries()
    for (let n = 0; n < SWEEP_STEP; n++) {
      const next = this.#sweeping.next()
      if (next.done === true) {
        this.#sweeping = undefined
        return
      }
      const [key, value] = next.value
      if (isOver(value)) this.#drop(key)
    }
  }

  #evict(): void {
    const oldest = this.#entries.keys().next().value
    if (oldest === undefined) return
    this.#drop(oldest)
    this.evicted += 1
  }

  #drop(key: string): void {
    this.#entries.delete(key)
    this.#onDrop(key)
  }
}
