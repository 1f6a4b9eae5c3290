/** What makes a node an outlier; times in milliseconds. */
export interface OutlierSettings {
  consecutiveFailures: number
  failureRate: number
  minRequests: number
  intervalMs: number
  baseEjectionMs: number
  maxEjectionMs: number
  maxEjectionPercent: number
}

/** What is kept of a node over a restart. */
export interface EjectionRecord {
  ejections: number
  /** Milliseconds since 1970. */
  until: number
}

/**
 * Looks at what requests meet at one node. Ejections in short order take longer each time; every
 * interval without one makes the next shorter again.
 */
export class OutlierWatch {
  #failuresInRow = 0
  #windowStart = 0
  #attempts = 0
  #failures = 0
  #ejections: number
  #until: number

  constructor(record?: EjectionRecord) {
    this.#ejections = record?.ejections ?? 0
    this.#until = record?.until ?? 0
  }

  get record(): EjectionRecord {
    return { ejections: this.#ejections, until: this.#until }
  }

  isEjected(now: number): boolean {
    return now < this.#until
  }

  /** Counts attempts: `failures` in a row, and the successes after them. */
  count(failures: number, successes: number, now: number, settings: OutlierSettings): void {
    if (now - this.#windowStart >= settings.intervalMs) {
      this.#windowStart = now
      this.#attempts = 0
      this.#failures = 0
    }
    this.#attempts += failures + successes
    this.#failures += failures
    this.#failuresInRow += failures
  }

  /** To be called after the successes of a run have been judged. */
  endRow(): void {
    this.#failuresInRow = 0
  }

  /** Why the node should be ejected now; undefined = it should not. */
  reason({ consecutiveFailures, failureRate, minRequests }: OutlierSettings): string | undefined {
    if (consecutiveFailures > 0 && this.#failuresInRow >= consecutiveFailures) {
      return `${this.#failuresInRow} failures in a row`
    }
    if (failureRate === 0 || this.#attempts < minRequests) return undefined
    const rate = this.#failures / this.#attempts
    return rate >= failureRate ? `${Math.round(rate * 100)} % of the attempts failed` : undefined
  }

  /** Takes the node out from now on; returns for how many milliseconds. */
  eject(now: number, { baseEjectionMs, maxEjectionMs, intervalMs }: OutlierSettings): number {
    const calm = this.#ejections === 0 ? 0 : Math.floor((now - this.#until) / intervalMs)
    this.#ejections = Math.max(0, this.#ejections - calm) + 1
    const durationMs = Math.min(baseEjectionMs * this.#ejections, maxEjectionMs)
    this.#until = now + durationMs
    this.#failuresInRow = 0
    this.#attempts = 0
    this.#failures = 0
    return durationMs
  }
}
