import { setImmediate as nextTurn } from 'node:timers/promises'

/**
 * Keeps long work from stalling the event loop: call `pause()` between items; it lets other work
 * run once `sliceMs` have been used up, and costs one clock read otherwise.
 */
export class TimeSlice {
  readonly #sliceMs: number
  #startedAt = performance.now()

  constructor(sliceMs = 5) {
    this.#sliceMs = sliceMs
  }

  /** True when the slice is used up: await `pause()` then. */
  get due(): boolean {
    return performance.now() - this.#startedAt >= this.#sliceMs
  }

  /** Yields to the event loop and starts the next slice. */
  async pause(): Promise<void> {
    await nextTurn()
    this.#startedAt = performance.now()
  }
}
