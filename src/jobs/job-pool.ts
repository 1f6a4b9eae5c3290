import { extname } from 'node:path'
import { Piscina } from 'piscina'
import { GatewayError } from '../model/errors.ts'
import type { JobInput, JobName, JobOutput } from './jobs.ts'

/** A job was not done: too many wait, or it took longer than its deadline. */
export class JobError extends GatewayError {}

/** Runs jobs in threads, so that none of them holds up the event loop. */
export interface JobPool {
  /**
   * Does a job. `deadlineMs` counts from now, waiting included; a thread that overruns it is replaced.
   * @throws JobError `GW_JOB_REFUSED` when the queue is full, `GW_JOB_TIMEOUT` after the deadline;
   * what the job itself throws.
   */
  run<N extends JobName>(name: N, input: JobInput<N>, deadlineMs: number): Promise<JobOutput<N>>
  /** Jobs that wait or run. */
  readonly pending: number
  stop(): Promise<void>
}

export interface JobPoolOptions {
  maxThreads: number
  /** Jobs that may wait for a thread. */
  maxQueue: number
}

const IDLE_TIMEOUT_MS = 30_000
const MIB_PER_THREAD = 256

/** Creates a pool; its threads start with the first job, and end but for one when they are idle. */
export function createJobPool({ maxThreads, maxQueue }: JobPoolOptions): JobPool {
  let pool: Piscina | undefined
  let pending = 0

  function threads(): Piscina {
    pool ??= new Piscina({
      filename: new URL(`./job-thread${extname(import.meta.filename)}`, import.meta.url).href,
      // One stays: without a minimum, piscina replaces a thread that overran only when another job comes.
      minThreads: 1,
      maxThreads,
      idleTimeout: IDLE_TIMEOUT_MS,
      resourceLimits: { maxOldGenerationSizeMb: MIB_PER_THREAD },
    })
    return pool
  }

  async function run<N extends JobName>(
    name: N,
    input: JobInput<N>,
    deadlineMs: number,
  ): Promise<JobOutput<N>> {
    if (pending >= maxQueue + maxThreads) {
      throw new JobError('GW_JOB_REFUSED', `${pending} jobs are under way already`)
    }
    const deadline = new AbortController()
    const timer = setTimeout(() => deadline.abort(), deadlineMs)
    pending++
    try {
      return (await threads().run({ name, input }, { signal: deadline.signal })) as JobOutput<N>
    } catch (cause) {
      if (!deadline.signal.aborted) throw cause
      const message = `job ${name} was not done within ${deadlineMs} ms`
      throw new JobError('GW_JOB_TIMEOUT', message, { cause })
    } finally {
      pending--
      clearTimeout(timer)
    }
  }

  return {
    run,
    get pending() {
      return pending
    },
    async stop() {
      await pool?.destroy()
    },
  }
}
