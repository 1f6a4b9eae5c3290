import type { WindowTerms, WindowVerdict } from '../../model/quota.ts'
import type { RedisConnection } from './redis-connection.ts'
import { FIXED_WINDOW } from './redis-scripts.ts'

/** Windows kept; beyond, the one that was made first is told to Redis and forgotten. */
const MAX_WINDOWS = 10_000

interface Known {
  readonly key: string
  readonly windowMs: number
  /** Requests of all gateways when Redis was last told. */
  told: number
  /** Own requests since then. */
  untold: number
  endsAtMs: number
}

/**
 * Fixed windows that Redis is told of now and then: a request waits for it only when its window
 * begins. In between each worker knows only of its own requests, so that a limit may be exceeded by
 * what the others admit in one interval.
 */
export class DelayedWindows {
  readonly #redis: RedisConnection
  readonly #windows = new Map<string, Known>()
  /** Windows that are being looked up. */
  readonly #opening = new Map<string, Promise<Known>>()
  readonly #timer: NodeJS.Timeout

  constructor(redis: RedisConnection, intervalMs: number) {
    this.#redis = redis
    this.#timer = setInterval(() => this.#tellAll(), intervalMs)
    this.#timer.unref()
  }

  take(key: string, terms: WindowTerms): WindowVerdict | Promise<WindowVerdict> {
    const known = this.#windows.get(key)
    if (known !== undefined && performance.now() < known.endsAtMs) return count(known, terms)
    return this.#open(key, terms.windowMs).then((fresh) => count(fresh, terms))
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#tellAll()
  }

  #open(key: string, windowMs: number): Promise<Known> {
    const opening = this.#opening.get(key)
    if (opening !== undefined) return opening
    const known: Known = { key, windowMs, told: 0, untold: 0, endsAtMs: 0 }
    const opened = this.#tell(known).then(
      () => {
        this.#opening.delete(key)
        if (this.#windows.size >= MAX_WINDOWS) this.#dropOldest()
        this.#windows.set(key, known)
        return known
      },
      (error: unknown) => {
        this.#opening.delete(key)
        throw error
      },
    )
    this.#opening.set(key, opened)
    return opened
  }

  #tellAll(): void {
    const now = performance.now()
    for (const known of this.#windows.values()) {
      if (now >= known.endsAtMs) this.#windows.delete(known.key)
      // Should Redis be away, the next round tells it.
      else if (known.untold > 0) this.#tell(known).catch(() => {})
    }
  }

  async #tell(known: Known): Promise<void> {
    const { key, windowMs, untold } = known
    known.untold = 0
    known.told += untold
    try {
      const reply = await this.#redis.run(FIXED_WINDOW, key, [windowMs, untold])
      const [told, restMs] = reply as [number, number]
      known.told = told
      known.endsAtMs = performance.now() + restMs
    } catch (error) {
      known.told -= untold
      known.untold += untold
      throw error
    }
  }

  #dropOldest(): void {
    const oldest = this.#windows.values().next().value
    if (oldest === undefined) return
    this.#windows.delete(oldest.key)
    if (oldest.untold > 0) this.#tell(oldest).catch(() => {})
  }
}

function count(known: Known, { limit }: WindowTerms): WindowVerdict {
  const resetMs = Math.max(0, known.endsAtMs - performance.now())
  const remaining = limit - known.told - known.untold - 1
  if (remaining < 0) return { admitted: false, remaining: 0, resetMs }
  known.untold += 1
  return { admitted: true, remaining, resetMs }
}
