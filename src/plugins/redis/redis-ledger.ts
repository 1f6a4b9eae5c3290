import { randomUUID } from 'node:crypto'
import type { QuotaLedger, QuotaPlace, WindowTerms, WindowVerdict } from '../../model/quota.ts'
import type { PluginHost } from '../contract.ts'
import { DelayedWindows } from './delayed-windows.ts'
import type { RedisConnection } from './redis-connection.ts'
import { openRedis } from './redis-connection.ts'
import type { RedisSettings } from './redis-fields.ts'
import { ENTER, FIXED_WINDOW, LEAKY_BUCKET, LEAVE, SLIDING_WINDOW } from './redis-scripts.ts'

/** What limits need of a ledger, wherever it is. */
export type LimitLedger = Pick<QuotaLedger, 'take' | 'pour' | 'enter'> & {
  /** No more use for it. */
  release?(): void
}

/** The ledger that the settings name: the instance's own, or Redis. */
export function chooseLedger(
  host: PluginHost,
  settings: RedisSettings | undefined,
  options: RedisLedgerOptions = {},
): LimitLedger {
  return settings === undefined ? host.quota : new RedisLedger(settings, options)
}

interface RedisLedgerOptions {
  /** A place that was not given back is free again after this time. */
  placeTtlSeconds?: number
  /** Redis is told of requests in fixed windows only so often; undefined = of each at once. */
  syncIntervalMs?: number | undefined
}

/** Limits shared by all gateways that count in the same Redis. */
class RedisLedger implements LimitLedger {
  readonly #redis: RedisConnection
  readonly #placeTtlSeconds: number
  readonly #syncIntervalMs: number
  readonly #delayed: DelayedWindows | undefined

  constructor(settings: RedisSettings, options: RedisLedgerOptions) {
    const { placeTtlSeconds = 0, syncIntervalMs = Number.POSITIVE_INFINITY } = options
    this.#redis = openRedis(settings)
    this.#placeTtlSeconds = placeTtlSeconds
    this.#syncIntervalMs = syncIntervalMs
    if (Number.isFinite(syncIntervalMs)) {
      this.#delayed = new DelayedWindows(this.#redis, syncIntervalMs)
    }
  }

  take(key: string, terms: WindowTerms): WindowVerdict | Promise<WindowVerdict> {
    const { limit, windowMs, sliding } = terms
    if (sliding) return this.#slide(key, limit, windowMs)
    // A window that is over before Redis would be told needs it at once.
    if (this.#delayed !== undefined && windowMs > this.#syncIntervalMs) {
      return this.#delayed.take(key, terms)
    }
    return this.#count(key, limit, windowMs)
  }

  async pour(key: string, ratePerSecond: number, burst: number): Promise<number | undefined> {
    const level = Number(await this.#redis.run(LEAKY_BUCKET, key, [ratePerSecond, burst]))
    return level < 0 ? undefined : level
  }

  async enter(key: string, places: number): Promise<QuotaPlace | undefined> {
    const name = randomUUID()
    const args = [places, this.#placeTtlSeconds, name]
    const taken = (await this.#redis.run(ENTER, key, args)) as number
    if (taken === 0) return undefined
    let held = true
    return {
      taken,
      release: () => {
        // Should Redis be away, the place is free again when its time is over.
        if (held) this.#redis.run(LEAVE, key, [name]).catch(() => {})
        held = false
      },
    }
  }

  release(): void {
    this.#delayed?.stop()
    this.#redis.release()
  }

  async #count(key: string, limit: number, windowMs: number): Promise<WindowVerdict> {
    const [count, resetMs] = (await this.#redis.run(FIXED_WINDOW, key, [windowMs, 1])) as Pair
    return { admitted: count <= limit, remaining: Math.max(0, limit - count), resetMs }
  }

  async #slide(key: string, limit: number, windowMs: number): Promise<WindowVerdict> {
    const reply = await this.#redis.run(SLIDING_WINDOW, key, [limit, windowMs])
    const [admitted, count, last, restMs] = reply as [number, number, number, number]
    if (admitted === 1) {
      const remaining = Math.floor(limit - count - (last * restMs) / windowMs)
      return { admitted: true, remaining: Math.max(0, remaining), resetMs: restMs }
    }
    // When enough of the window before no longer counts.
    const carriedMs = count >= limit || last === 0 ? 0 : ((limit - count) * windowMs) / last
    return { admitted: false, remaining: 0, resetMs: Math.max(0, restMs - carriedMs) }
  }
}

type Pair = [number, number]
