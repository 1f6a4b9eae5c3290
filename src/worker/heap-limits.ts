import { setFlagsFromString } from 'node:v8'

/** Requests between two heartbeats that are called traffic. */
const TRAFFIC = 100

/**
 * Keeps V8's young generation as small as it is until there is traffic. A configuration that is
 * loaded, all of which survives, would have it grow to its limit, and V8 does not give that back:
 * 65 MB, more than 10 000 routes are. As a flag of the command line V8 does not heed this.
 */
export function keepYoungGenerationSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
}

/** Goes on from there: call `note` with each heartbeat. */
export class HeapLimits {
  #requests = 0
  #hasTraffic = false
  #serving = false

  /**
   * Lets the young generation grow with the first traffic: of requests little survives, the less the
   * larger it is. `requests` are all since the start.
   */
  note(requests: number, serving: boolean): void {
    if (!this.#serving && serving) keepOldGenerationTight()
    this.#serving = serving
    if (this.#hasTraffic) return
    this.#hasTraffic = requests - this.#requests >= TRAFFIC
    this.#requests = requests
    // V8's default.
    if (this.#hasTraffic) setFlagsFromString('--semi-space-growth-factor=2')
  }
}

/**
 * Has V8 collect garbage when the heap is half as large again as what was alive, not four times as
 * large. What changes of the configuration leave behind is old by then: after 100 000 of them a
 * worker with 33 MB alive held up to 325 MB, and kept what V8 did not care to compact. Of requests
 * hardly anything gets that old. Not before the first configuration: its load would take longer.
 */
function keepOldGenerationTight(): void {
  setFlagsFromString('--heap-growing-percent=50')
}
