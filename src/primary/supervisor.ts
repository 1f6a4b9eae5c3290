import cluster, { type Worker as ClusterWorker } from 'node:cluster'
import type { Socket } from 'node:net'
import type { Logger } from 'pino'
import type { WorkerSettings, WorkerStats } from '../model/ipc.ts'
import type { Delta } from '../model/revision.ts'
import { backoffMs } from '../support/backoff.ts'
import type { ConfigEvents } from './config-service.ts'
import type { ServingConfig } from './serving-config.ts'
import { WorkerLink } from './worker-link.ts'
import { addStats, ended, NO_STATS } from './worker-stats.ts'

const RESPAWN = { baseMs: 100, maxMs: 30_000 }
/** A worker that lived this long has proved itself: its successor starts at once again. */
const PROVEN_AFTER_MS = 10_000

interface SupervisorOptions {
  workers: number
  settings: WorkerSettings
  log: Logger
  /** A worker began to serve. */
  onServing: () => void
  /** A worker ended; it never got these connections. */
  onUnaccepted: (sockets: readonly Socket[]) => void
}

/**
 * Keeps the wanted number of workers alive and fed. A worker that ends is replaced at once, then
 * with growing, jittered delays; each new one gets the present configuration before it serves.
 */
export class Supervisor implements ConfigEvents {
  readonly #options: SupervisorOptions
  readonly #links = new Map<number, WorkerLink>()
  readonly #timers = new Set<NodeJS.Timeout>()
  #config: ServingConfig | undefined
  #quickDeaths = 0
  #stopping: PromiseWithResolvers<void> | undefined
  #restarts = 0
  #started = false
  /** Sums of the workers that ended, so that sums over all workers never go down. */
  #retired: WorkerStats = NO_STATS

  constructor(options: SupervisorOptions) {
    this.#options = options
    // Connections come from the acceptor; the cluster module's own sharing of sockets is not used.
    cluster.setupPrimary({ serialization: 'json' })
    cluster.on('exit', (worker, code, signal) => this.#onExit(worker, code, signal))
  }

  start(): void {
    for (let n = 0; n < this.#options.workers; n++) this.#fork()
  }

  get links(): readonly WorkerLink[] {
    return [...this.#links.values()]
  }

  /** Sums over all workers, living and ended; gauges are those of the living. */
  get stats(): WorkerStats {
    return this.links.reduce((sum, { stats }) => addStats(sum, stats ?? NO_STATS), this.#retired)
  }

  /** True once all wanted workers have served at the same time: the start is over. */
  get started(): boolean {
    return this.#started
  }

  get restarts(): number {
    return this.#restarts
  }

  /** Replaces the configuration of all workers. */
  onSnapshot(config: ServingConfig): void {
    this.#config = config
    for (const link of this.#links.values()) link.sendSnapshot(config)
  }

  /** Sends what changed; the configuration given with the last snapshot has it applied already. */
  onDelta(delta: Delta): void {
    for (const link of this.#links.values()) link.sendDelta(delta)
  }

  /** Lets all workers finish what they have; those that are not done in time are killed. */
  async stop(timeoutMs: number): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#stopping = Promise.withResolvers()
    if (this.#links.size === 0) return
    for (const link of this.#links.values()) link.drain()
    const deadline = setTimeout(() => {
      this.#options.log.warn({ workers: this.#links.size }, 'workers did not finish in time')
      for (const link of this.#links.values()) link.kill('SIGKILL')
    }, timeoutMs)
    await this.#stopping.promise
    clearTimeout(deadline)
  }

  #fork(): void {
    const link = new WorkerLink(cluster.fork(), this.#options.settings, {
      onServing: () => this.#onServing(),
      onSnapshotNeeded: (needy, reason) => {
        this.#options.log.debug({ worker: needy.id, reason }, 'worker needs a snapshot')
        if (this.#config !== undefined) needy.sendSnapshot(this.#config)
      },
    })
    this.#links.set(link.id, link)
  }

  #onServing(): void {
    this.#started ||= this.links.filter((link) => link.serving).length >= this.#options.workers
    this.#options.onServing()
  }

  #onExit(worker: ClusterWorker, code: number | null, signal: string | null): void {
    const link = this.#links.get(worker.id)
    if (link === undefined) return
    this.#links.delete(link.id)
    this.#options.onUnaccepted(link.takeUnaccepted())
    if (link.stats !== undefined) this.#retired = addStats(this.#retired, ended(link.stats))
    if (this.#stopping !== undefined) {
      if (this.#links.size === 0) this.#stopping.resolve()
      return
    }
    const lifeMs = Date.now() - link.startedAt
    this.#quickDeaths = lifeMs >= PROVEN_AFTER_MS ? 0 : this.#quickDeaths + 1
    const delayMs = this.#quickDeaths <= 1 ? 0 : backoffMs(this.#quickDeaths, RESPAWN)
    this.#restarts += 1
    const fields = { worker: link.id, pid: link.pid, code, signal, lifeMs, delayMs }
    this.#options.log.error(fields, 'worker ended, replacing it')
    this.#later(delayMs)
  }

  #later(delayMs: number): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      this.#fork()
    }, delayMs)
    this.#timers.add(timer)
  }
}
