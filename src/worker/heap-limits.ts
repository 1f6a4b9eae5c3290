import { keepOldGenerationTight, letYoungGenerationGrow } from '../support/heap-limits.ts'

/** Requests between two heartbeats that are called traffic. */
const TRAFFIC = 100

/** What a worker may hold, as it goes on from its start: call `note` with each heartbeat. */
export class HeapLimits {
  #requests = 0
  #hasTraffic = false
  #serving = false

  /**
   * Lets the young generation grow with the first traffic: of requests little survives, and hardly
   * anything gets old. `requests` are all since the start.
   */
  note(requests: number, serving: boolean): void {
    if (!this.#serving && serving) keepOldGenerationTight()
    this.#serving = serving
    if (this.#hasTraffic) return
    this.#hasTraffic = requests - this.#requests >= TRAFFIC
    this.#requests = requests
    if (this.#hasTraffic) letYoungGenerationGrow()
  }
}
