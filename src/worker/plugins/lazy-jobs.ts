import type { JobPool } from '../../jobs/job-pool.ts'
import type { JobRunner } from '../../plugins/contract.ts'

/** Threads of one worker: it has a core of its own, and siblings that have theirs. */
const LIMITS = { maxThreads: 2, maxQueue: 256 }

/** A pool that is loaded when a plugin first needs it: most workers never do. */
export function createLazyJobs(): JobRunner {
  let pool: Promise<JobPool> | undefined
  return {
    async run(name, input, deadlineMs) {
      pool ??= import('../../jobs/job-pool.ts').then(({ createJobPool }) => createJobPool(LIMITS))
      return (await pool).run(name, input, deadlineMs)
    },
  }
}
