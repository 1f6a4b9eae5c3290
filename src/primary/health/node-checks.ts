import type { NodeState } from '../../model/health.ts'

/** Failures that are counted each for itself. */
export type FailureKind = 'http' | 'tcp' | 'timeout'

/** Counters as APISIX's control API names them. */
export interface CheckCounters {
  success: number
  http_failure: number
  tcp_failure: number
  timeout_failure: number
}

/** After how many in a row a node changes; 0 = never by this. */
export interface Thresholds {
  successes: number
  http: number
  tcp: number
  timeout: number
}

const COUNTER_OF = {
  http: 'http_failure',
  tcp: 'tcp_failure',
  timeout: 'timeout_failure',
} as const

/** As many as APISIX's counters hold; thresholds are smaller. */
const MAX_COUNT = 255

/**
 * The state of one node by its checks, active and passive alike.
 *
 * healthy → mostly_healthy (a failure) → unhealthy (as many as the threshold of one kind)
 * → mostly_unhealthy (a success) → healthy (as many as the threshold). A success clears the counts of
 * failures, a failure that of successes. A healthy node's successes and an unhealthy one's failures
 * are not counted.
 */
export class NodeChecks {
  #state: NodeState
  readonly counters: CheckCounters

  constructor(state: NodeState = 'healthy', counters: Partial<CheckCounters> = {}) {
    this.#state = state
    this.counters = {
      success: 0,
      http_failure: 0,
      tcp_failure: 0,
      timeout_failure: 0,
      ...counters,
    }
  }

  get state(): NodeState {
    return this.#state
  }

  /** Counts a success; `limit` of them in a row make the node healthy. */
  succeed(limit: number): void {
    const { counters } = this
    if (limit === 0 || this.#state === 'healthy') return
    counters.success = Math.min(counters.success + 1, MAX_COUNT)
    this.#clearFailures()
    if (counters.success >= limit) this.#state = 'healthy'
    else if (this.#state === 'unhealthy') this.#state = 'mostly_unhealthy'
  }

  /** Counts a failure; `limit` of its kind without a success make the node unhealthy. */
  fail(kind: FailureKind, limit: number): void {
    const { counters } = this
    if (limit === 0 || this.#state === 'unhealthy') return
    const name = COUNTER_OF[kind]
    counters[name] = Math.min(counters[name] + 1, MAX_COUNT)
    counters.success = 0
    if (counters[name] >= limit) this.#state = 'unhealthy'
    else if (this.#state === 'healthy') this.#state = 'mostly_healthy'
  }

  #clearFailures(): void {
    const { counters } = this
    counters.http_failure = 0
    counters.tcp_failure = 0
    counters.timeout_failure = 0
  }
}
