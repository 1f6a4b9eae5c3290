import { ConfigError } from '../model/errors.ts'

/** Longest DNS name there is (RFC 1035, 255 octets on the wire). */
const MAX_HOST_LENGTH = 255

/** Routes of one configured host. */
interface HostBucket {
  /** Of its bucket in the pattern index. Never used again once the bucket is gone. */
  readonly number: number
  routes: number
}

/** Configured hosts, exact and `*suffix`, each with a bucket of its own in the pattern index. */
export class HostTable {
  readonly #exact = new Map<string, HostBucket>()
  readonly #suffixes = new Map<string, HostBucket>()
  /** How many suffixes there are of each length: only those lengths are tried. */
  readonly #suffixLengths = new Uint32Array(MAX_HOST_LENGTH + 1)
  #nextNumber = 1

  /** Bucket of a configured host; pair each call with a `release`. */
  acquire(host: string): number {
    const key = host.startsWith('*') ? host.slice(1) : host
    const table = host.startsWith('*') ? this.#suffixes : this.#exact
    let bucket = table.get(key)
    if (bucket === undefined) {
      bucket = { number: this.#nextNumber++, routes: 0 }
      table.set(key, bucket)
      if (table === this.#suffixes) this.#countSuffix(key, 1)
    }
    bucket.routes++
    return bucket.number
  }

  release(host: string): void {
    const key = host.startsWith('*') ? host.slice(1) : host
    const table = host.startsWith('*') ? this.#suffixes : this.#exact
    const bucket = table.get(key)
    if (bucket === undefined || --bucket.routes > 0) return
    table.delete(key)
    if (table === this.#suffixes) this.#countSuffix(key, -1)
  }

  exact(host: string): number | undefined {
    return this.#exact.get(host)?.number
  }

  /** Length of the longest configured suffix of `host` that is shorter than `below`; -1 = none. */
  nextSuffixLength(host: string, below: number): number {
    if (this.#suffixes.size === 0) return -1
    for (let length = Math.min(below - 1, host.length, MAX_HOST_LENGTH); length >= 0; length--) {
      if (this.#suffixLengths[length] === 0) continue
      if (this.#suffixes.has(host.slice(host.length - length))) return length
    }
    return -1
  }

  suffix(host: string, length: number): number | undefined {
    return this.#suffixes.get(host.slice(host.length - length))?.number
  }

  #countSuffix(suffix: string, change: 1 | -1): void {
    this.#suffixLengths[suffix.length] = (this.#suffixLengths[suffix.length] ?? 0) + change
  }
}

/** Lower-cases a configured host; throws ConfigError if no request could ever have it. */
export function parseHostPattern(host: string): string {
  if (host.length === 0 || host.length > MAX_HOST_LENGTH || host.indexOf('*', 1) !== -1) {
    throw new ConfigError(
      'GW_CONFIG_INVALID',
      `host ${JSON.stringify(host.slice(0, MAX_HOST_LENGTH))} must be a name or *.name of at most ${MAX_HOST_LENGTH} characters`,
    )
  }
  return host.toLowerCase()
}
