import type { Worker as ClusterWorker } from 'node:cluster'
import type { Socket } from 'node:net'
import type { AttemptReport, NodeHealth } from '../model/health.ts'
import type {
  PrimaryMessage,
  Quarantined,
  WorkerMessage,
  WorkerSettings,
  WorkerStats,
} from '../model/ipc.ts'
import type { ResolvedName } from '../model/resolved-name.ts'
import type { Delta, RevisionMark } from '../model/revision.ts'
import type { SecretsByObject } from '../model/secret-value.ts'
import { LOAD_ORDER } from '../model/snapshot.ts'
import { ConnectionTransit } from './connection-transit.ts'
import type { MetricStore } from './metric-store/metric-store.ts'
import type { QuotaService } from './quota/quota-service.ts'
import type { ServingConfig } from './serving-config.ts'

/** Objects a snapshot message carries: what a worker compiles in about 5 ms. */
const CHUNK_SIZE = 100
/** Nodes that one message tells the health of, and names that one tells the addresses of. */
const HEALTH_CHUNK_SIZE = 1_000

/** What is known of a worker process; `applied` undefined = it serves nothing yet. */
export interface WorkerView {
  readonly id: number
  readonly pid: number | undefined
  readonly startedAt: number
  readonly applied: RevisionMark | undefined
  readonly quarantined: readonly Quarantined[]
  readonly stats: WorkerStats | undefined
  readonly draining: boolean
}

interface LinkEvents {
  /** What a new worker must know of nodes before it gets its configuration. */
  healthToKnow(): readonly NodeHealth[]
  /** What it should know of names of nodes before that, too. */
  namesToKnow(): readonly ResolvedName[]
  /** What it has learned of names of nodes. */
  onNames(names: readonly ResolvedName[]): void
  /** What all workers count together. */
  readonly quota: Pick<QuotaService, 'join' | 'leave' | 'receive'>
  /** What plugins count. */
  readonly metrics: Pick<MetricStore, 'receive' | 'leave'>
  /** What its requests met at nodes. */
  onAttempts(reports: readonly AttemptReport[]): void
  /** The worker serves its first revision. */
  onServing(): void
  /** The worker needs a snapshot: it is new, or its state does not fit. */
  onSnapshotNeeded(link: WorkerLink, reason: string): void
  /** Connections did not reach the worker, though it lives. */
  onLost(sockets: readonly Socket[]): void
}

/** The primary's end of the channel to one worker process; everything is sent in order. */
export class WorkerLink implements WorkerView {
  readonly id: number
  readonly startedAt = Date.now()
  readonly #process: ClusterWorker
  readonly #events: LinkEvents
  readonly settings: WorkerSettings
  applied: RevisionMark | undefined
  quarantined: readonly Quarantined[] = []
  stats: WorkerStats | undefined
  draining = false
  /** Set by the worker's hello: what is sent before that would be lost. */
  configured = false
  /** When the worker sent something last, as `performance.now()`; at first when it was started. */
  heardAt = performance.now()
  /** When it began to serve, as `performance.now()`. */
  servingAt: number | undefined
  /** When it got a configuration first, and when it applied one last, as `performance.now()`. */
  fedAt: number | undefined
  appliedAt: number | undefined
  /** Silent for long: it gets no connections until it is heard again. */
  silent = false
  /** Holds too much memory; its replacement is under way. */
  tooLarge = false
  /** It will be killed; its replacement is under way. */
  condemned = false
  /** Set once a snapshot was sent: only then do deltas make sense. */
  #following = false
  readonly #transit: ConnectionTransit
  #trafficWelcome = true
  readonly #drainTimers: NodeJS.Timeout[] = []
  #queue: Promise<void> = Promise.resolve()

  constructor(process: ClusterWorker, settings: WorkerSettings, events: LinkEvents) {
    this.id = process.id
    this.#process = process
    this.settings = settings
    this.#events = events
    this.#transit = new ConnectionTransit({
      // An error means that the worker is ending; `takeUnaccepted` deals with that.
      send: (message, socket) => void process.send(message, socket, { keepOpen: true }, () => {}),
      onLost: (sockets) => events.onLost(sockets),
    })
    process.on('message', (message: WorkerMessage) => this.#receive(message))
  }

  get pid(): number | undefined {
    return this.#process.process.pid
  }

  /** True when the worker can take connections. */
  get serving(): boolean {
    if (this.silent || this.draining || this.condemned) return false
    return this.applied !== undefined && this.#process.isConnected()
  }

  get inTransit(): number {
    return this.#transit.size
  }

  /** Connections do not reach it: it has no file descriptor left, as a rule. */
  get spared(): boolean {
    return this.#transit.spared
  }

  /** Share of the new requests that it turns away, 0 to 1. */
  get shedShare(): number {
    return this.stats?.shedShare ?? 0
  }

  /** Sends all of the configuration, in chunks; deltas sent from now on follow on it. */
  sendSnapshot(config: ServingConfig): void {
    if (!this.configured) return
    this.#following = true
    this.fedAt ??= performance.now()
    const { mark } = config
    const chunks = LOAD_ORDER.map((kind) => ({ kind, bodies: config.bodies(kind) }))
    this.#queue = this.#queue.then(async () => {
      await this.#send({ type: 'snapshot-begin', group: config.source.group, mark })
      for (const { kind, bodies } of chunks) {
        for (let start = 0; start < bodies.length; start += CHUNK_SIZE) {
          const chunk = bodies.slice(start, start + CHUNK_SIZE)
          const secrets = config.secretsOf(kind, chunk)
          await this.#send({ type: 'snapshot-chunk', kind, bodies: chunk, secrets })
        }
      }
      await this.#send({ type: 'snapshot-end' })
    })
  }

  sendDelta(delta: Delta, secrets: SecretsByObject | undefined): void {
    if (!this.#following) return
    this.#queue = this.#queue.then(() => this.#send({ type: 'delta', delta, secrets }))
  }

  /**
   * Hands a connection over. This process keeps its own handle of it until the worker says that it
   * has it: should the worker die before, nobody has read from the connection and another worker
   * can take it.
   */
  sendConnection(socket: Socket): void {
    this.#transit.add(socket)
  }

  /** Past the queue of configuration: what it says holds for any. */
  sendHealth(nodes: readonly NodeHealth[]): void {
    if (!this.configured) return
    for (let start = 0; start < nodes.length; start += HEALTH_CHUNK_SIZE) {
      void this.#send({ type: 'health', nodes: nodes.slice(start, start + HEALTH_CHUNK_SIZE) })
    }
  }

  /** Whether new traffic should come here; holds from the worker's start on. */
  setTrafficWelcome(welcome: boolean): void {
    this.#trafficWelcome = welcome
    if (this.configured) void this.#send({ type: 'traffic', welcome })
  }

  /**
   * Takes back the connections that were sent to the worker `minAgeMs` ago without an answer. The
   * worker must have ended if there is no age.
   */
  takeUnaccepted(minAgeMs?: number): Socket[] {
    return this.#transit.takeSent(minAgeMs)
  }

  /** Takes back the connections that have waited for `minWaitMs` to be sent to the worker. */
  takeWaiting(minWaitMs?: number): Socket[] {
    return this.#transit.takeWaiting(minWaitMs)
  }

  /** Asks about connections that should have arrived by now. */
  askForConnections(): void {
    this.#transit.ask()
  }

  /**
   * Asks the worker to finish what it has and exit, and kills it after `timeoutMs`. Asked again, the
   * earlier of the limits counts.
   */
  drain(timeoutMs: number, onLate: (link: WorkerLink) => void): void {
    const timer = setTimeout(() => {
      onLate(this)
      this.kill('SIGKILL')
    }, timeoutMs)
    this.#drainTimers.push(timer)
    if (this.draining) return
    this.draining = true
    this.#transit.flush()
    void this.#send({ type: 'drain' })
  }

  /** The process has ended: nothing more is to be done about it. */
  ended(): void {
    for (const timer of this.#drainTimers) clearTimeout(timer)
    this.#events.quota.leave(this.id)
    this.#events.metrics.leave(this.id)
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.process.kill(signal)
  }

  #sendNames(names: readonly ResolvedName[]): void {
    for (let start = 0; start < names.length; start += HEALTH_CHUNK_SIZE) {
      void this.#send({ type: 'names', names: names.slice(start, start + HEALTH_CHUNK_SIZE) })
    }
  }

  #receive(message: WorkerMessage): void {
    this.heardAt = performance.now()
    switch (message.type) {
      case 'hello':
        this.configured = true
        void this.#send({ type: 'configure', settings: this.settings })
        this.sendHealth(this.#events.healthToKnow())
        this.#sendNames(this.#events.namesToKnow())
        this.#events.quota.join(this.id, (answers) => void this.#send({ type: 'quota', answers }))
        if (!this.#trafficWelcome) this.setTrafficWelcome(false)
        this.#events.onSnapshotNeeded(this, 'new worker')
        break
      case 'applied':
        this.#applied(message)
        break
      case 'resync':
        this.#events.onSnapshotNeeded(this, message.reason)
        break
      case 'heartbeat':
        this.stats = message.stats
        break
      case 'names':
        this.#events.onNames(message.names)
        break
      case 'quota':
        this.#events.quota.receive(this.id, message.requests)
        break
      case 'metrics':
        this.#events.metrics.receive(this.id, message.report)
        break
      case 'attempts':
        this.#events.onAttempts(message.reports)
        break
      case 'accepted':
        this.#transit.accepted(message)
        break
      case 'settled':
        this.#transit.settled(message.upTo)
        break
      case 'drained':
        break
    }
  }

  #applied({ mark, quarantined }: Extract<WorkerMessage, { type: 'applied' }>): void {
    const first = this.applied === undefined
    this.applied = mark
    this.quarantined = quarantined
    this.appliedAt = performance.now()
    this.servingAt ??= this.appliedAt
    if (first) this.#events.onServing()
  }

  /** Resolves when the channel took the message, or lost it: a dead worker is the supervisor's matter. */
  #send(message: PrimaryMessage): Promise<void> {
    return new Promise((resolve) => {
      if (this.#process.isConnected()) this.#process.send(message, () => resolve())
      else resolve()
    })
  }
}
