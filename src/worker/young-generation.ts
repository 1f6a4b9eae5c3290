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

/** Lets it grow with the first traffic: of requests little survives, the less the larger it is. */
export class YoungGeneration {
  #requests = 0
  #grows = false

  /** Call with each heartbeat; `requests` are all since the start. */
  note(requests: number): void {
    if (this.#grows) return
    this.#grows = requests - this.#requests >= TRAFFIC
    this.#requests = requests
    // V8's default.
    if (this.#grows) setFlagsFromString('--semi-space-growth-factor=2')
  }
}
