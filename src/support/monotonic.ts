const NANOSECONDS_PER_MS = 1_000_000

/**
 * Milliseconds of the machine's monotonic clock: never jumps, and processes of one machine can
 * compare theirs, which `performance.now()` does not allow.
 */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1000 + nanoseconds / NANOSECONDS_PER_MS
}
