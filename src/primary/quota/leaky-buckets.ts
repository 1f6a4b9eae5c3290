import { BoundedMap } from './bounded-map.ts'

interface Bucket {
  /** Requests in it at `atMs`. */
  level: number
  atMs: number
  ratePerSecond: number
}

/** Buckets that requests are poured into and that leak at a steady rate. */
export class LeakyBuckets {
  readonly #buckets: BoundedMap<Bucket>

  constructor(maxKeys: number) {
    this.#buckets = new BoundedMap(maxKeys)
  }

  get size(): number {
    return this.#buckets.size
  }

  get evicted(): number {
    return this.#buckets.evicted
  }

  /** What is in the bucket before this request; undefined = it would run over. */
  pour(key: string, ratePerSecond: number, burst: number, now: number): number | undefined {
    const known = this.#buckets.peek(key)
    const bucket = this.#buckets.use(key, () => ({ level: 0, atMs: now, ratePerSecond }))
    // The first request finds nothing before it; each further one what has not leaked out since.
    const level = known === undefined ? 0 : levelAt(bucket, now) + 1
    const before = Math.max(0, level)
    if (before > burst) return undefined
    bucket.level = before
    bucket.atMs = now
    bucket.ratePerSecond = ratePerSecond
    return before
  }

  sweep(now: number): void {
    // Empty for as long as one request takes to leak: no difference to a new bucket.
    this.#buckets.sweep((bucket) => levelAt(bucket, now) <= -1)
  }
}

/** Below 0: it has been empty for a while. */
function levelAt({ level, atMs, ratePerSecond }: Bucket, now: number): number {
  return level - (ratePerSecond * (now - atMs)) / 1000
}
