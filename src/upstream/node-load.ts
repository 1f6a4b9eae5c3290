/** Time in which what was measured loses all but 1/e of its effect; APISIX's. */
const DECAY_MS = 10_000
/** A failed attempt counts as at least this slow, or failing fast would attract requests. */
const FAILURE_MS = 1_000

/** How busy and how slow a node is for this worker: shared by all upstreams that name it. */
export class NodeLoad {
  /** Requests under way. */
  active = 0
  /** Clients that share this. */
  users = 0
  #latencyMs = 0
  #touchedAt = 0

  /**
   * Estimate of the time to a response head. It decays while nothing is measured, so that a node
   * that was slow is tried again.
   */
  latencyMs(now: number): number {
    return this.#latencyMs * this.#remains(now)
  }

  /** A rise counts at once, a fall little by little. */
  note(elapsedMs: number, failed: boolean, now: number): void {
    const measured = failed ? Math.max(elapsedMs, FAILURE_MS, 2 * this.#latencyMs) : elapsedMs
    const remains = this.#remains(now)
    const average = this.#latencyMs * remains + measured * (1 - remains)
    this.#latencyMs = Math.max(measured, average)
    this.#touchedAt = now
  }

  #remains(now: number): number {
    return Math.exp(Math.min(0, this.#touchedAt - now) / DECAY_MS)
  }
}
