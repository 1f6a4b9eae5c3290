/** Limits of one attempt, in milliseconds. */
export interface Timeouts {
  /** Name look-up, TCP and TLS together. */
  readonly connectMs: number
  /** Between two writes of a request body that the node accepts. */
  readonly sendMs: number
  /** To the complete response head, then between two reads of the body. */
  readonly readMs: number
}

export const DEFAULT_TIMEOUTS: Timeouts = { connectMs: 5000, sendMs: 60_000, readMs: 60_000 }
