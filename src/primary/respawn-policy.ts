import { backoffMs } from '../support/backoff.ts'

const RESPAWN = { baseMs: 200, maxMs: 30_000 }
/** A worker that lived this long has proved itself: its successor starts at once. */
const PROVEN_AFTER_MS = 10_000
/** After so many quick deaths in a row, forks are at least a second apart. */
const BURST = 5
/** So many quick deaths in a row cost no delay: chance, or an operator's experiment. */
const FREE = 3
const MIN_SPACING_MS = 1_100

/**
 * When to start the successor of a worker that died: at once, unless workers keep dying young.
 * Then delays grow, with jitter, and forks are spaced: never a storm of them.
 */
export class RespawnPolicy {
  readonly #free: number
  readonly #random: () => number
  #quickDeaths = 0
  #lastForkAt = Number.NEGATIVE_INFINITY

  constructor(workers: number, random: () => number = Math.random) {
    this.#free = Math.max(workers, FREE)
    this.#random = random
  }

  /** True while workers keep dying young. */
  isLooping(now: number): boolean {
    return this.#quickDeaths > this.#free && now - this.#lastForkAt < PROVEN_AFTER_MS
  }

  /** Milliseconds to wait before the fork that replaces a worker which lived for `lifeMs`. */
  delayAfter(lifeMs: number, now: number): number {
    if (lifeMs >= PROVEN_AFTER_MS) return 0
    // All that were started since the last quick death are older than that: the storm is over.
    if (now - this.#lastForkAt >= PROVEN_AFTER_MS) this.#quickDeaths = 0
    this.#quickDeaths += 1
    // Each worker may die young once, as when somebody kills all of them.
    const attempt = this.#quickDeaths - this.#free
    const { baseMs, maxMs } = RESPAWN
    let delayMs = attempt <= 0 ? 0 : backoffMs(attempt, { baseMs, maxMs, random: this.#random })
    if (this.#quickDeaths >= Math.max(BURST, this.#free)) {
      delayMs = Math.max(delayMs, this.#lastForkAt + MIN_SPACING_MS - now)
    }
    this.#lastForkAt = Math.max(this.#lastForkAt, now + delayMs)
    return delayMs
  }

  /** The cause of the deaths is gone. */
  reset(): void {
    this.#quickDeaths = 0
  }
}
