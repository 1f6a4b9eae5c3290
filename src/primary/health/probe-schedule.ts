/** Nodes of one upstream are probed so many at once. */
export interface ProbeGroup {
  concurrency: number
}

/** Something to be probed again and again. */
export interface ProbeJob {
  readonly group: ProbeGroup
  /** From the start of one probe to that of the next. */
  intervalMs(): number
  /** One probe; never rejects. */
  run(): Promise<void>
}

interface Entry {
  job: ProbeJob
  timer: NodeJS.Timeout | undefined
  /** Of the last probe, as `performance.now()`. */
  startedAt: number
  removed: boolean
}

interface GroupState {
  running: number
  waiting: Entry[]
}

interface ScheduleOptions {
  /** Probes under way at once, of all upstreams together. */
  concurrency: number
  random?: () => number
}

/** Intervals differ by so much either way, so that probes spread instead of coming in bursts. */
const JITTER = 0.1

/**
 * Runs probes at their intervals, never more at once than allowed: with too many or too slow nodes
 * they come later, they do not pile up.
 */
export class ProbeSchedule {
  readonly #options: Required<ScheduleOptions>
  readonly #entries = new Map<ProbeJob, Entry>()
  readonly #groups = new Map<ProbeGroup, GroupState>()
  #due: Entry[] = []
  #running = 0

  constructor({ concurrency, random = Math.random }: ScheduleOptions) {
    this.#options = { concurrency, random }
  }

  get size(): number {
    return this.#entries.size
  }

  /** The first probe comes within the interval, at a random time. */
  add(job: ProbeJob): void {
    if (this.#entries.has(job)) return
    const entry = { job, timer: undefined, startedAt: 0, removed: false }
    this.#entries.set(job, entry)
    this.#later(entry, job.intervalMs() * this.#options.random())
  }

  /** No further probe; one under way ends, and its job must not mind. */
  remove(job: ProbeJob): void {
    const entry = this.#entries.get(job)
    if (entry === undefined) return
    entry.removed = true
    clearTimeout(entry.timer)
    this.#entries.delete(job)
  }

  stop(): void {
    for (const job of [...this.#entries.keys()]) this.remove(job)
    this.#due = []
    this.#groups.clear()
  }

  #later(entry: Entry, delayMs: number): void {
    entry.timer = setTimeout(() => this.#admit(entry), delayMs).unref()
  }

  #admit(entry: Entry): void {
    const group = this.#groupOf(entry)
    if (group.running >= entry.job.group.concurrency) {
      group.waiting.push(entry)
      return
    }
    group.running++
    this.#due.push(entry)
    this.#pump()
  }

  #pump(): void {
    while (this.#running < this.#options.concurrency) {
      const entry = this.#due.shift()
      if (entry === undefined) return
      if (entry.removed) this.#leave(entry)
      else void this.#run(entry)
    }
  }

  async #run(entry: Entry): Promise<void> {
    this.#running++
    entry.startedAt = performance.now()
    await entry.job.run()
    this.#running--
    this.#leave(entry)
    if (!entry.removed) {
      const jitter = 1 + JITTER * (2 * this.#options.random() - 1)
      const passed = performance.now() - entry.startedAt
      this.#later(entry, Math.max(entry.job.intervalMs() * jitter - passed, 0))
    }
    this.#pump()
  }

  /** Gives the group's place to the next of it. */
  #leave(entry: Entry): void {
    const group = this.#groupOf(entry)
    group.running--
    const next = group.waiting.shift()
    if (next !== undefined) this.#admit(next)
    else if (group.running <= 0) this.#groups.delete(entry.job.group)
  }

  #groupOf({ job }: Entry): GroupState {
    let state = this.#groups.get(job.group)
    if (state === undefined) {
      state = { running: 0, waiting: [] }
      this.#groups.set(job.group, state)
    }
    return state
  }
}
