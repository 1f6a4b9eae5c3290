export interface RetryBudgetConfig {
  /** Share of the requests that may be retried, 0 to 1. */
  readonly share: number
  /** Retries per second that are allowed whatever the share. */
  readonly minPerSecond: number
}

/** Seconds of the allowance that can be saved up. */
const WINDOW_SECONDS = 10
const MAX_SAVED_BY_SHARE = 100

/**
 * Keeps retries from multiplying the load on nodes that fail because of it: each request earns a
 * share of a retry, and so does time. One per upstream and worker.
 */
export class RetryBudget {
  readonly #share: number
  readonly #perMs: number
  readonly #maxFromTime: number
  #fromShare = 0
  #fromTime: number
  #refilledAt: number
  readonly #now: () => number

  constructor({ share, minPerSecond }: RetryBudgetConfig, now = () => performance.now()) {
    this.#share = share
    this.#perMs = minPerSecond / 1000
    this.#maxFromTime = minPerSecond * WINDOW_SECONDS
    this.#fromTime = this.#maxFromTime
    this.#now = now
    this.#refilledAt = now()
  }

  /** A request begins. */
  earn(): void {
    this.#fromShare = Math.min(this.#fromShare + this.#share, MAX_SAVED_BY_SHARE)
  }

  /** True if a retry is allowed; it is spent then. */
  spend(): boolean {
    if (this.#fromShare >= 1) {
      this.#fromShare--
      return true
    }
    const now = this.#now()
    const earned = (now - this.#refilledAt) * this.#perMs
    this.#fromTime = Math.min(this.#fromTime + earned, this.#maxFromTime)
    this.#refilledAt = now
    if (this.#fromTime < 1) return false
    this.#fromTime--
    return true
  }
}
