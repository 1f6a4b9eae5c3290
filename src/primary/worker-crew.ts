import type { Logger } from 'pino'
import type { WorkerSettings } from '../model/ipc.ts'
import type { WorkerLink } from './worker-link.ts'

/** A replacement that does not serve by then is given up; large configurations take seconds. */
const START_TIMEOUT_MS = 30_000

interface CrewOptions {
  /** How many are wanted. */
  workers: number
  settings: WorkerSettings
  log: Logger
  /** Starts a process. */
  fork: (settings: WorkerSettings) => WorkerLink
}

/**
 * The workers of a gateway: those that are there, and those whose start was put off. Those that
 * drain or are condemned do not count: they are on their way out.
 */
export class WorkerCrew {
  readonly #options: CrewOptions
  readonly #links = new Map<number, WorkerLink>()
  readonly #timers = new Set<NodeJS.Timeout>()
  /** Those who wait for a worker to serve its first revision. */
  readonly #awaited = new Map<WorkerLink, PromiseWithResolvers<void>>()
  #stopped = false
  /** What new workers are started with: the last settings that a worker has served with. */
  settings: WorkerSettings

  constructor(options: CrewOptions) {
    this.#options = options
    this.settings = options.settings
  }

  get links(): readonly WorkerLink[] {
    return [...this.#links.values()]
  }

  /** Workers that are to go on: neither draining nor gone. */
  get active(): readonly WorkerLink[] {
    return this.links.filter((link) => !link.draining && !link.condemned)
  }

  has(link: WorkerLink): boolean {
    return this.#links.get(link.id) === link
  }

  /** The process has ended: forgets it and returns its link. */
  remove(id: number, why: string): WorkerLink | undefined {
    const link = this.#links.get(id)
    if (link === undefined) return undefined
    this.#links.delete(id)
    link.ended()
    this.giveUp(link, `the new worker ended (${why})`)
    return link
  }

  /** The worker serves: whoever waits for it goes on. */
  served(link: WorkerLink): void {
    this.#awaited.get(link)?.resolve()
  }

  /** The worker will not serve: whoever waits for it must know. */
  giveUp(link: WorkerLink, reason: string): void {
    this.#awaited.get(link)?.reject(new Error(reason))
  }

  /** Starts one more worker and waits until it serves, if it can. @throws when it does not. */
  async startServing(settings: WorkerSettings, canServe: boolean): Promise<void> {
    if (this.#stopped) throw new Error('the gateway is stopping')
    const link = this.#fork(settings)
    if (!canServe) return
    const serving = Promise.withResolvers<void>()
    this.#awaited.set(link, serving)
    const timer = setTimeout(() => {
      serving.reject(new Error(`the new worker did not serve within ${START_TIMEOUT_MS} ms`))
      link.kill('SIGKILL')
    }, START_TIMEOUT_MS)
    try {
      await serving.promise
    } finally {
      clearTimeout(timer)
      this.#awaited.delete(link)
    }
  }

  drain(link: WorkerLink, timeoutMs: number = link.settings.drainTimeoutMs): void {
    link.drain(timeoutMs, ({ id, pid }) => {
      this.#options.log.warn({ worker: id, pid }, 'worker did not finish in time, killing it')
    })
  }

  /** Starts, after the delay, the workers that are missing. */
  fill(delayMs = 0): void {
    const missing = this.#options.workers - this.active.length - this.#timers.size
    for (let n = 0; n < missing; n++) this.#later(delayMs)
  }

  /** Starts at once the workers whose start was put off. */
  fillNow(): void {
    const waiting = this.#timers.size
    this.#cancelStarts()
    if (waiting > 0) this.fill()
  }

  /** Lets all workers finish what they have, and starts no more. */
  stop(timeoutMs: number): void {
    this.#stopped = true
    this.#cancelStarts()
    for (const link of this.#links.values()) this.drain(link, timeoutMs)
  }

  #cancelStarts(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
  }

  #fork(settings: WorkerSettings): WorkerLink {
    const link = this.#options.fork(settings)
    this.#links.set(link.id, link)
    return link
  }

  #later(delayMs: number): void {
    if (delayMs === 0) {
      this.#fork(this.settings)
      return
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      // Meanwhile a replacement may have taken the place.
      if (this.active.length < this.#options.workers) this.#fork(this.settings)
    }, delayMs)
    this.#timers.add(timer)
  }
}
