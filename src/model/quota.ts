/**
 * Counters that all workers of an instance share. The primary owns them; a worker holds parts of
 * windows on lease. Times are milliseconds of the monotonic clock, which is the same in all
 * processes of a machine.
 */

/** What became of one request at a window. */
export interface WindowVerdict {
  readonly admitted: boolean
  /** Requests that the window has room for after this one; 0 when it was refused. */
  readonly remaining: number
  /** Until the window ends or, for a refusal of a sliding window, until there is room again. */
  readonly resetMs: number
}

/** A window of requests: at most `limit` in any one of them. */
export interface WindowTerms {
  /** At least 1. */
  readonly limit: number
  readonly windowMs: number
  /**
   * False: a window begins with the first request of its key. True: windows follow one another, and
   * what the one before had counts as far as it reaches into the last `windowMs`.
   */
  readonly sliding: boolean
}

/** One of several places, held until it is given back. */
export interface QuotaPlace {
  /** How many places of the key were taken, with this one. */
  readonly taken: number
  /** Gives it back; more than once is no harm. */
  release(): void
}

/**
 * Quotas shared by all workers of an instance, exact: no limit is ever exceeded, however many
 * workers there are and whichever of them die. Keys are free text; whoever makes them puts a name
 * of its own in front. Everything is kept by key, across configurations and worker replacements.
 * Promises reject with GW_QUOTA_UNAVAILABLE when the primary does not answer in time.
 */
export interface QuotaLedger {
  /** Counts a request. Answers at once while the worker has some of the window on lease. */
  take(key: string, terms: WindowTerms): WindowVerdict | Promise<WindowVerdict>
  /**
   * Pours a request into a leaky bucket that holds `burst` requests and loses `ratePerSecond`.
   * Resolves with the requests that are in it before this one; undefined = it would run over.
   */
  pour(key: string, ratePerSecond: number, burst: number): Promise<number | undefined>
  /** Takes one of `places`; undefined = all are taken. A worker's death gives back its own. */
  enter(key: string, places: number): Promise<QuotaPlace | undefined>
  /** What is known of failures of `key`; undefined = nothing. Never waits; a moment old. */
  circuit(key: string): CircuitState | undefined
  /** Reports how a call of `key` went; `terms` say what that means. */
  report(key: string, healthy: boolean, terms: CircuitTerms): void
}

/** Failures since the last recovery, over all workers. */
export interface CircuitState {
  readonly failures: number
  /** When the failures last reached a multiple of what opens the circuit; undefined = never yet. */
  readonly openedAtMs: number | undefined
}

export interface CircuitTerms {
  /** Failures that open the circuit, and open it for longer each further time. */
  readonly failures: number
  /** Successes after a failure that clear the count. */
  readonly successes: number
  /** An opening is forgotten after this time. */
  readonly maxOpenMs: number
}

/** A worker to the primary; many of them travel in one message. */
export type QuotaRequest =
  /** The worker has none of the window left: `wanted` requests wait. */
  | { op: 'take'; key: string; terms: WindowTerms; wanted: number }
  /** Gives back what is left of a lease: asked to, or since nobody uses it. */
  | { op: 'return'; key: string; lease: number; endsAtMs: number; unused: number }
  | { op: 'pour'; id: number; key: string; ratePerSecond: number; burst: number }
  | { op: 'enter'; id: number; key: string; places: number }
  | { op: 'leave'; key: string }
  | { op: 'report'; key: string; healthy: boolean; terms: CircuitTerms }

/** The primary to a worker. */
export type QuotaAnswer =
  | WindowLease
  /** Others need what the worker has of this window. */
  | { op: 'recall'; key: string }
  /** `value`: what was in the bucket, places taken with this one; undefined = refused. */
  | { op: 'answer'; id: number; value?: number }
  /** What is now known of a circuit; undefined = it recovered. */
  | { op: 'circuit'; key: string; state?: CircuitState }

/** Part of a window, for one worker; answers a `take`. */
export interface WindowLease {
  readonly op: 'lease'
  readonly key: string
  /** Number of the lease, growing. */
  readonly lease: number
  readonly terms: WindowTerms
  /** Requests the worker may admit until `endsAtMs`; fewer than wanted: the rest is refused. */
  readonly granted: number
  /** Requests counted before those of this lease. */
  readonly before: number
  /** Requests of the window before, for a sliding one; at most its limit. */
  readonly last: number
  readonly endsAtMs: number
  /** No use asking before this time; undefined: something may come back any moment. */
  readonly refusedUntilMs: number | undefined
}
