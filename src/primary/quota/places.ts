/**
 * Places that requests hold while they last, by key. Bounded by the requests in flight; a worker
 * that ends gives back all of its own.
 */
export class Places {
  readonly #taken = new Map<string, number>()
  readonly #ofWorker = new Map<number, Map<string, number>>()

  get size(): number {
    return this.#taken.size
  }

  /** How many are taken with this one; undefined = all `places` were. */
  enter(worker: number, key: string, places: number): number | undefined {
    const taken = (this.#taken.get(key) ?? 0) + 1
    if (taken > places) return undefined
    this.#taken.set(key, taken)
    let own = this.#ofWorker.get(worker)
    if (own === undefined) {
      own = new Map()
      this.#ofWorker.set(worker, own)
    }
    own.set(key, (own.get(key) ?? 0) + 1)
    return taken
  }

  leave(worker: number, key: string): void {
    const own = this.#ofWorker.get(worker)
    const count = own?.get(key)
    if (own === undefined || count === undefined) return
    lower(own, key, 1)
    lower(this.#taken, key, 1)
  }

  forget(worker: number): void {
    for (const [key, count] of this.#ofWorker.get(worker) ?? []) lower(this.#taken, key, count)
    this.#ofWorker.delete(worker)
  }
}

function lower(counts: Map<string, number>, key: string, by: number): void {
  const rest = (counts.get(key) ?? 0) - by
  if (rest > 0) counts.set(key, rest)
  else counts.delete(key)
}
