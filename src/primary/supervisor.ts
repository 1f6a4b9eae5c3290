import cluster, { type Worker as ClusterWorker } from 'node:cluster'
import type { Socket } from 'node:net'
import type { Logger } from 'pino'
import type { AttemptReport, NodeHealth } from '../model/health.ts'
import type { WorkerSettings, WorkerStats } from '../model/ipc.ts'
import type { Delta } from '../model/revision.ts'
import type { ConfigEvents } from './config-service.ts'
import type { MetricStore } from './metric-store/metric-store.ts'
import type { NameMemory } from './name-memory.ts'
import { takeWorker } from './prefork.ts'
import type { QuotaService } from './quota/quota-service.ts'
import { RespawnPolicy } from './respawn-policy.ts'
import { RevisionBlame } from './revision-blame.ts'
import type { ServingConfig } from './serving-config.ts'
import { writeStallReport } from './stall-report.ts'
import { WorkerCrew } from './worker-crew.ts'
import { WorkerLink } from './worker-link.ts'
import { addStats, ended, NO_STATS } from './worker-stats.ts'
import { type WatchLimits, WorkerWatch } from './worker-watch.ts'

/** Signals by which a process ends through its own fault. */
const FAULTS = new Set(['SIGABRT', 'SIGSEGV', 'SIGBUS', 'SIGILL', 'SIGTRAP', 'SIGFPE'])
/** A connection may wait for a worker that is heard so many times as long as for a silent one. */
const PATIENCE = 3
/** While a worker turns away at least this share of the requests … */
const OVERLOADED_SHARE = 0.5
/** … no connection waits longer for it: most likely it would be refused then. */
const OVERLOADED_WAIT_MS = 500

interface SupervisorOptions {
  workers: number
  settings: WorkerSettings
  watch: WatchLimits
  log: Logger
  /** A worker began to serve. */
  onServing: () => void
  /** A worker ended, or stalls; it never got these connections. */
  onUnaccepted: (sockets: readonly Socket[]) => void
  /** A worker is overloaded: these connections have waited long enough for it. */
  onOverdue: (sockets: readonly Socket[]) => void
  /** See RevisionBlame. */
  takeBack: (revision: number, reason: string) => boolean
  goBack: (revision: number, reason: string) => Promise<boolean | undefined>
  /** What a new worker must know of nodes; see `sendHealth`. */
  healthToKnow: () => readonly NodeHealth[]
  /** What workers have learned of names of nodes. */
  names: Pick<NameMemory, 'names' | 'note'>
  /** What all workers count together. */
  quota: QuotaService
  /** What the plugins of all workers count. */
  metrics: MetricStore
  /** What the requests of a worker met at nodes. */
  onAttempts: (reports: readonly AttemptReport[]) => void
}

/**
 * Keeps the wanted number of workers alive and fed. A worker that ends is replaced at once, then
 * with growing, jittered delays; each new one gets the present configuration before it serves.
 * Workers that drain do not count: they are on their way out and have a successor.
 */
export class Supervisor implements ConfigEvents {
  readonly #options: SupervisorOptions
  readonly #crew: WorkerCrew
  #rolling: Promise<void> = Promise.resolve()
  #nextRoll: { settings: WorkerSettings; done: Promise<void> } | undefined
  #config: ServingConfig | undefined
  readonly #respawn: RespawnPolicy
  readonly #blame: RevisionBlame
  readonly #watch: WorkerWatch<WorkerLink>
  #memoryReplacements = 0
  #stopping: PromiseWithResolvers<void> | undefined
  #restarts = 0
  #started = false
  #trafficWelcome = true
  /** Sums of the workers that ended, so that sums over all workers never go down. */
  #retired: WorkerStats = NO_STATS

  constructor(options: SupervisorOptions) {
    this.#options = options
    const { workers, settings, log, takeBack, goBack } = options
    this.#crew = new WorkerCrew({ workers, settings, log, fork: (given) => this.#fork(given) })
    this.#respawn = new RespawnPolicy(workers)
    const onTakenBack = () => {
      this.#respawn.reset()
      this.#crew.fillNow()
    }
    this.#blame = new RevisionBlame({ log, takeBack, goBack, onTakenBack })
    this.#watch = new WorkerWatch(
      () => this.links,
      options.watch,
      {
        onTick: (link) => this.#takeBack(link),
        onLost: (link) => void this.#replaceLost(link),
        onTooLarge: (link) => this.#replaceLarge(link),
      },
      options.log,
    )
    // Connections come from the acceptor; the cluster module's own sharing of sockets is not used.
    cluster.setupPrimary({ serialization: 'json' })
    cluster.on('exit', (worker, code, signal) => this.#onExit(worker, code, signal))
  }

  start(): void {
    this.#crew.fill()
    this.#watch.start()
  }

  get links(): readonly WorkerLink[] {
    return this.#crew.links
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

  /** How often a worker fell silent. */
  get stalls(): number {
    return this.#watch.stalls
  }

  /** Workers replaced for the memory they held. */
  get memoryReplacements(): number {
    return this.#memoryReplacements
  }

  /** What is known of revisions that workers died of. */
  get blame(): Pick<RevisionBlame, 'refusals' | 'refusedAt' | 'deadEnd'> {
    return this.#blame
  }

  /** Why this instance serves with less than it should; undefined = it does not. */
  get degradedReason(): string | undefined {
    const { workers } = this.#options
    const serving = this.links.filter((link) => link.serving).length
    const { deadEnd } = this.#blame
    if (deadEnd !== undefined && serving === 0) {
      return `workers die of revision ${deadEnd}, and there is nothing else to go back to`
    }
    if (this.#respawn.isLooping(performance.now())) {
      return 'workers keep ending soon after their start'
    }
    if (serving < workers) return `${serving} of ${workers} workers serve`
    const last = this.#config?.refusedRevisions.at(-1)
    return last && `revision ${last.revision} is refused: ${last.reason}`
  }

  /** From now on; `replaceAll` does not change them. */
  setWatchLimits(limits: WatchLimits): void {
    this.#watch.limits = limits
  }

  /** Replaces the configuration of all workers. */
  onSnapshot(config: ServingConfig): void {
    this.#config = config
    this.#blame.sent(config.mark.revision)
    for (const link of this.links) link.sendSnapshot(config)
  }

  /** Sends what changed; the configuration given with the last snapshot has it applied already. */
  onDelta(delta: Delta): void {
    const secrets = this.#config?.secretsIn(delta)
    // What a secret stands for now is no fault of the revision.
    if (!delta.amends) this.#blame.sent(delta.to.revision)
    for (const link of this.links) link.sendDelta(delta, secrets)
  }

  /** Tells all workers what has changed of nodes. */
  sendHealth(nodes: readonly NodeHealth[]): void {
    for (const link of this.links) link.sendHealth(nodes)
  }

  /** Tells all workers, also those to come, whether new traffic should come here. */
  setTrafficWelcome(welcome: boolean): void {
    this.#trafficWelcome = welcome
    for (const link of this.links) link.setTrafficWelcome(welcome)
  }

  /**
   * Replaces all workers, one by one, by workers with these settings: the new one serves before the
   * old one drains, and what the old one still has may take until its drain time-out. Resolves when
   * the last new one serves; rejects with the reason when one does not: the old ones that are left
   * stay. Calls made meanwhile share one more round, with the latest settings.
   */
  replaceAll(settings: WorkerSettings): Promise<void> {
    if (this.#nextRoll !== undefined) {
      this.#nextRoll.settings = settings
      return this.#nextRoll.done
    }
    const done = this.#rolling.then(() => this.#rollNext())
    this.#nextRoll = { settings, done }
    this.#rolling = done.catch(() => {})
    return done
  }

  /** Replaces all workers as `replaceAll` does, with the settings that they have: all code is loaded anew. */
  renewAll(): Promise<void> {
    return this.replaceAll({ ...this.#crew.settings })
  }

  /** Lets all workers finish what they have; those that are not done in time are killed. */
  async stop(timeoutMs: number): Promise<void> {
    this.#watch.stop()
    this.#stopping = Promise.withResolvers()
    this.#crew.stop(timeoutMs)
    if (this.links.length === 0) return
    await this.#stopping.promise
  }

  async #rollNext(): Promise<void> {
    const settings = this.#nextRoll?.settings ?? this.#crew.settings
    this.#nextRoll = undefined
    for (;;) {
      const old = this.#crew.active.find((link) => link.settings !== settings)
      if (old === undefined) return
      await this.#startServing(settings)
      this.#crew.settings = settings
      this.#crew.drain(old)
      this.#crew.fill()
    }
  }

  /** Starts one more worker and waits until it serves. Without configuration none can. */
  #startServing(settings = this.#crew.settings): Promise<void> {
    return this.#crew.startServing(settings, this.#config !== undefined)
  }

  #fork(settings: WorkerSettings): WorkerLink {
    const link = new WorkerLink(takeWorker(), settings, {
      onServing: () => this.#onServing(link),
      onSnapshotNeeded: (needy, reason) => {
        this.#options.log.debug({ worker: needy.id, reason }, 'worker needs a snapshot')
        if (this.#config !== undefined) needy.sendSnapshot(this.#config)
      },
      onLost: (sockets) => this.#options.onUnaccepted(sockets),
      healthToKnow: this.#options.healthToKnow,
      namesToKnow: () => this.#options.names.names,
      onNames: (names) => this.#options.names.note(names),
      quota: this.#options.quota,
      metrics: this.#options.metrics,
      onAttempts: this.#options.onAttempts,
    })
    link.setTrafficWelcome(this.#trafficWelcome)
    return link
  }

  #onServing(link: WorkerLink): void {
    this.#crew.served(link)
    this.#started ||= this.links.filter(({ serving }) => serving).length >= this.#options.workers
    this.#options.onServing()
  }

  #onExit(worker: ClusterWorker, code: number | null, signal: string | null): void {
    const link = this.#crew.remove(worker.id, String(signal ?? code))
    if (link === undefined) return
    this.#options.onUnaccepted([...link.takeUnaccepted(), ...link.takeWaiting()])
    if (link.stats !== undefined) this.#retired = addStats(this.#retired, ended(link.stats))
    if (this.#stopping !== undefined) {
      if (this.links.length === 0) this.#stopping.resolve()
      return
    }
    const fields = { worker: link.id, pid: link.pid, code, signal }
    const byItself = code !== null || FAULTS.has(signal ?? '')
    if (byItself && !link.draining && !link.condemned) this.#blame.died(link, this.#crew.active)
    if (link.condemned) this.#options.log.info(fields, 'lost worker ended')
    else if (link.draining) this.#options.log.info(fields, 'drained worker ended')
    else this.#replaceDead(link, fields)
  }

  #replaceDead(link: WorkerLink, fields: object): void {
    const lifeMs = Date.now() - link.startedAt
    const delayMs = Math.round(this.#respawn.delayAfter(lifeMs, performance.now()))
    this.#restarts += 1
    this.#options.log.error({ ...fields, lifeMs, delayMs }, 'worker ended, replacing it')
    this.#crew.fill(delayMs)
  }

  /** What does not reach the worker, since it stalls or is too busy, goes elsewhere. */
  #takeBack(link: WorkerLink): void {
    const { stallMs } = this.#watch.limits
    if (!link.silent) link.askForConnections()
    // A busy worker takes one in each turn of its loop: have patience with it.
    const patience = link.silent ? 0 : PATIENCE
    const sent = link.takeUnaccepted(Math.max(1, patience) * stallMs)
    this.#options.onUnaccepted([...sent, ...link.takeWaiting(patience * stallMs)])
    if (link.shedShare >= OVERLOADED_SHARE) {
      this.#options.onOverdue(link.takeWaiting(OVERLOADED_WAIT_MS))
    }
  }

  /** A worker that hangs: its replacement serves before it is killed, or drained should it wake up. */
  async #replaceLost(link: WorkerLink): Promise<void> {
    link.condemned = true
    this.#restarts += 1
    const { log } = this.#options
    const silentMs = performance.now() - link.heardAt
    const fields = { worker: link.id, pid: link.pid, silentMs: Math.round(silentMs) }
    log.error(fields, 'worker hangs, replacing it')
    this.#crew.giveUp(link, 'the new worker hangs')
    // Before the replacement starts: it would hang of the same revision.
    this.#blame.died(link, this.#crew.active)
    const report = writeStallReport(link.settings.reportDir, link, silentMs).then(
      (path) => log.warn({ worker: link.id, path }, 'stall report written'),
      (err) => log.warn({ err, worker: link.id }, 'stall report could not be written'),
    )
    const started = this.#startServing().catch((err) => {
      if (this.#stopping === undefined) log.error({ err }, 'replacement of a worker failed')
    })
    await Promise.all([report, started])
    if (link.silent || !link.configured) link.kill('SIGKILL')
    else this.#crew.drain(link)
    this.#crew.fill()
  }

  /** One at a time, and never together with a reload. */
  #replaceLarge(old: WorkerLink): void {
    const replaced = this.#rolling.then(async () => {
      if (!this.#crew.has(old) || old.draining || old.condemned) return
      await this.#startServing()
      this.#memoryReplacements += 1
      this.#crew.drain(old)
      this.#crew.fill()
    })
    this.#rolling = replaced.catch((err) => {
      old.tooLarge = false
      if (this.#stopping === undefined) {
        this.#options.log.error({ err }, 'replacement of a worker failed')
      }
    })
  }
}
