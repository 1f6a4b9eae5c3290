import type { Logger } from 'pino'
import type { WorkerLink } from './worker-link.ts'

const TICK_MS = 250
/** A tick this late says that it was us who stalled: what workers sent has not been read yet. */
const LATE_MS = 500
/** A worker that did not even say hello by then hangs. */
const HELLO_MS = 30_000
/** Not younger: a worker that is large at once would be replaced for ever. */
const MIN_AGE_FOR_MEMORY_MS = 15_000

export interface WatchLimits {
  /** A worker silent for this long gets no new connections. */
  stallMs: number
  /** A worker silent for this long is replaced and killed. */
  stallKillMs: number
  /** A worker whose resident memory is above is replaced; 0 = no limit. */
  maxResidentBytes: number
}

type WatchedLink = Pick<
  WorkerLink,
  'id' | 'pid' | 'configured' | 'heardAt' | 'startedAt' | 'draining' | 'condemned' | 'stats'
> & { silent: boolean; tooLarge: boolean }

interface WatchEvents<L> {
  /** Called for every worker at every tick: what it has not taken in time should go to others. */
  onTick(link: L): void
  /** The worker is not coming back: replace and kill it. */
  onLost(link: L): void
  /** The worker holds too much memory: replace it. */
  onTooLarge(link: L): void
}

/**
 * Watches what workers say of themselves, a heartbeat every 500 ms:
 * heard -stallMs of silence-> silent (no new connections) -stallKillMs-> lost; heard again -> heard.
 */
export class WorkerWatch<L extends WatchedLink> {
  readonly #links: () => readonly L[]
  readonly #events: WatchEvents<L>
  readonly #log: Logger
  limits: WatchLimits
  #stalls = 0
  #timer: NodeJS.Timeout | undefined
  #lastTickAt = 0

  constructor(links: () => readonly L[], limits: WatchLimits, events: WatchEvents<L>, log: Logger) {
    this.#links = links
    this.limits = limits
    this.#events = events
    this.#log = log
  }

  /** How often a worker fell silent. */
  get stalls(): number {
    return this.#stalls
  }

  start(): void {
    this.#lastTickAt = performance.now()
    this.#timer = setInterval(() => {
      // After the poll phase: what workers have sent by now was read.
      setImmediate(() => this.tick(performance.now()))
    }, TICK_MS)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** One round; `now` is of `performance.now()`. */
  tick(now: number): void {
    const late = now - this.#lastTickAt > TICK_MS + LATE_MS
    this.#lastTickAt = now
    for (const link of this.#links()) {
      if (late) link.heardAt = now
      else this.#check(link, now)
    }
  }

  #check(link: L, now: number): void {
    const silentMs = now - link.heardAt
    if (!link.configured) {
      if (silentMs >= HELLO_MS && !link.condemned && !link.draining) this.#events.onLost(link)
      return
    }
    this.#judgeSilence(link, silentMs)
    this.#events.onTick(link)
    if (link.silent || link.draining || link.condemned) return
    this.#judgeMemory(link)
  }

  #judgeSilence(link: L, silentMs: number): void {
    const silent = silentMs >= this.limits.stallMs
    if (silent !== link.silent) {
      link.silent = silent
      this.#stalls += silent ? 1 : 0
      const fields = { worker: link.id, pid: link.pid }
      if (silent) this.#log.warn(fields, 'worker is silent, no new connections for it')
      else this.#log.info(fields, 'worker is back from a stall')
    }
    const lost = silentMs >= this.limits.stallKillMs && !link.draining && !link.condemned
    if (lost) this.#events.onLost(link)
  }

  #judgeMemory(link: L): void {
    const { maxResidentBytes } = this.limits
    const residentBytes = link.stats?.residentBytes ?? 0
    if (maxResidentBytes === 0 || residentBytes <= maxResidentBytes || link.tooLarge) return
    if (Date.now() - link.startedAt < MIN_AGE_FOR_MEMORY_MS) return
    link.tooLarge = true
    const fields = { worker: link.id, pid: link.pid, residentBytes, maxResidentBytes }
    this.#log.warn(fields, 'worker holds too much memory, replacing it')
    this.#events.onTooLarge(link)
  }
}
