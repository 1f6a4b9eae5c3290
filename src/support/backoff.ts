interface BackoffOptions {
  /** Upper bound of the first delay. */
  baseMs: number
  /** No delay is longer. */
  maxMs: number
  /** In [0, 1); Math.random unless told (tests). */
  random?: () => number
}

/**
 * Delay before retry number `attempt` (0 = the first): exponential with full jitter, evenly spread
 * over 0 … min(maxMs, baseMs × 2^attempt), so that many clients of one dead server do not return
 * together. https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function backoffMs(attempt: number, options: BackoffOptions): number {
  const { baseMs, maxMs, random = Math.random } = options
  // 2^attempt overflows to Infinity after 1023 failures; min() takes that in its stride.
  const ceilingMs = Math.min(maxMs, baseMs * 2 ** attempt)
  return Math.round(random() * ceilingMs)
}
