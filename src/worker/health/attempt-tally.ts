import type { AttemptRun } from '../../model/health.ts'

/** What an attempt counts as: the index of its counter in an AttemptRun. */
export const COUNT = { http: 0, tcp: 1, timeout: 2, success: 3 } as const
export type CountedAs = (typeof COUNT)[keyof typeof COUNT]

/** Of more, the shorter rows of failures are given up: what matters is the longest and the last. */
const MAX_RUNS = 64

/** Attempts at one node since the last report, in the order they ended. */
export class AttemptTally {
  #runs: AttemptRun[] = []

  get isEmpty(): boolean {
    return this.#runs.length === 0
  }

  add(counted: CountedAs): void {
    let run = this.#runs.at(-1)
    if (run === undefined || (counted !== COUNT.success && run[COUNT.success] > 0)) {
      run = [0, 0, 0, 0]
      this.#runs.push(run)
      if (this.#runs.length > MAX_RUNS) this.#shorten()
    }
    run[counted]++
  }

  /** All runs, and starts anew. */
  take(): AttemptRun[] {
    const runs = this.#runs
    this.#runs = []
    return runs
  }

  #shorten(): void {
    const [first, second] = this.#runs as [AttemptRun, AttemptRun]
    const longer = failuresIn(first) > failuresIn(second) ? first : second
    longer[COUNT.success] = first[COUNT.success] + second[COUNT.success]
    this.#runs.splice(0, 2, longer)
  }
}

function failuresIn([http, tcp, timeouts]: AttemptRun): number {
  return http + tcp + timeouts
}
