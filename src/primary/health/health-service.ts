import type { Logger } from 'pino'
import type { AttemptReport, NodeHealth } from '../../model/health.ts'
import type { Change, Delta } from '../../model/revision.ts'
import type { Upstream } from '../../model/schemas/upstream.ts'
import { MAX_TIMER_MS } from '../../support/max-timer.ts'
import type { NameService } from '../../upstream/names/name-service.ts'
import type { ConfigEvents } from '../config-service.ts'
import type { ServingConfig } from '../serving-config.ts'
import { type CheckSettings, checkSettings } from './check-settings.ts'
import { CheckedUpstreams } from './checked-upstreams.ts'
import type { HealthKeeper } from './health-keeper.ts'
import { isUnsendable } from './probe.ts'
import { ProbeSchedule } from './probe-schedule.ts'
import { savedNodeHealth } from './saved-health.ts'
import type { WatchedNode } from './watched-node.ts'
import { WatchedUpstream } from './watched-upstream.ts'

/** Changes go to the workers together when they come within this time. */
const SEND_DELAY_MS = 5

export interface HealthOptions {
  /** Probes under way at once. */
  concurrency: number
  keeper: HealthKeeper
  /** Resolves the names of nodes. */
  names: NameService
  /** PEM; what https checks trust. Undefined = what Node trusts. */
  trustedCa: readonly string[] | undefined
  log: Logger
  /** Tells all workers. */
  send: (nodes: readonly NodeHealth[]) => void
}

/** What the control API and the metrics show of an upstream. */
export interface UpstreamHealth {
  owner: string
  type: string
  /** Port that checks go to instead of the nodes' own. */
  port: number | undefined
  nodes: readonly WatchedNode[]
}

/**
 * Decides which nodes are healthy, for all workers of the instance: by active checks, which only run
 * here, and by what the workers' requests meet. Follows the configuration; what does not touch a node
 * leaves its state alone.
 */
export class HealthService implements ConfigEvents {
  readonly #options: HealthOptions
  readonly #schedule: ProbeSchedule
  readonly #upstreams = new Map<string, WatchedUpstream>()
  readonly #checked: CheckedUpstreams
  /** How each node stood when its last change of state was logged. */
  readonly #known = new Map<WatchedNode, NodeHealth & { usable: boolean }>()
  readonly #ejections = new Map<WatchedNode, NodeJS.Timeout>()
  #changes = new Map<string, NodeHealth>()
  #timer: NodeJS.Timeout | undefined
  #config: ServingConfig | undefined
  /** Configurations are read one after the other, in slices. */
  #reading: Promise<void> = Promise.resolve()

  constructor(options: HealthOptions) {
    this.#options = options
    this.#schedule = new ProbeSchedule({ concurrency: options.concurrency })
    this.#checked = new CheckedUpstreams({
      onUpstream: (owner, upstream) => this.#configure(owner, upstream),
      onGone: (owner) => this.#forget(owner),
    })
    options.keeper.follow(() => this.#nodes())
  }

  /** Nodes that are not simply healthy: what a new worker must know. */
  get whole(): NodeHealth[] {
    const saved = [...this.#options.keeper.saved].map(([key, node]) => savedNodeHealth(key, node))
    const known = [...this.#nodes()].map(({ health }) => health)
    return [...saved, ...known.filter((node) => !isPlain(node))]
  }

  /** The watched upstreams and their nodes, as they are now. */
  get upstreams(): UpstreamHealth[] {
    return [...this.#upstreams.values()].map(show)
  }

  upstream(owner: string): UpstreamHealth | undefined {
    const upstream = this.#upstreams.get(owner)
    return upstream && show(upstream)
  }

  /** How many nodes are watched, and how many of them get no requests. */
  get counts(): { nodes: number; unhealthy: number } {
    let nodes = 0
    let unhealthy = 0
    for (const node of this.#nodes()) {
      nodes++
      if (!node.usable) unhealthy++
    }
    return { nodes, unhealthy }
  }

  /** Resolves when the configurations given so far have been read. */
  get settled(): Promise<void> {
    return this.#reading
  }

  onSnapshot(config: ServingConfig): void {
    this.#config = config
    this.#read(async () => {
      if (this.#config === config) await this.#checked.load(config)
    })
  }

  onDelta({ changes }: Delta): void {
    const config = this.#config
    if (config !== undefined) this.#read(() => this.#apply(config, changes))
  }

  /** What a worker's requests met. */
  onReports(reports: readonly AttemptReport[]): void {
    for (const report of reports) this.#upstreams.get(report.owner)?.judge(report)
  }

  /** Keeps nothing any more: see KeptFile. */
  leave(): Promise<void> {
    return this.#options.keeper.leave()
  }

  /** Ends all checks and keeps what is known. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    for (const timer of this.#ejections.values()) clearTimeout(timer)
    this.#schedule.stop()
    this.#options.names.stop()
    await this.#options.keeper.stop()
  }

  #read(step: () => Promise<void> | void): void {
    this.#reading = this.#reading.then(step).catch((err) => {
      this.#options.log.error({ err }, 'health checks could not follow the configuration')
    })
  }

  #apply(config: ServingConfig, changes: readonly Change[]): void {
    if (this.#config === config) this.#checked.apply(config, changes)
  }

  #configure(owner: string, body: Partial<Upstream>): void {
    const settings = this.#settingsOf(owner, body)
    if (settings === undefined) {
      this.#forget(owner)
      return
    }
    const upstream = this.#upstreams.get(owner) ?? new WatchedUpstream(owner, settings, this.#parts)
    this.#upstreams.set(owner, upstream)
    upstream.configure(settings, body)
  }

  #settingsOf(owner: string, body: Partial<Upstream>): CheckSettings | undefined {
    try {
      const settings = checkSettings(body, this.#options.trustedCa)
      const probe = settings?.active?.probe
      if (probe !== undefined && isUnsendable(probe)) throw new Error('a check with line breaks')
      return settings
    } catch (err) {
      // The last good version of a quarantined object may be older than its schema.
      this.#options.log.error({ err, upstream: owner }, 'upstream is not checked')
      return undefined
    }
  }

  #forget(owner: string): void {
    const upstream = this.#upstreams.get(owner)
    if (upstream === undefined) return
    this.#upstreams.delete(owner)
    upstream.stop()
  }

  get #parts() {
    return {
      schedule: this.#schedule,
      names: this.#options.names,
      takeSaved: (owner: string, node: string) => this.#options.keeper.take(owner, node),
      onJudged: (node: WatchedNode, reason: string) => this.#note(node, reason),
      onNew: (node: WatchedNode) => this.#welcome(node),
      onGone: (node: WatchedNode) => this.#gone(node),
      onEjected: (node: WatchedNode, durationMs: number) => this.#endLater(node, durationMs),
    }
  }

  #endLater(node: WatchedNode, durationMs: number): void {
    clearTimeout(this.#ejections.get(node))
    // 1 ms more: timers may be early by a fraction of one.
    const timer = setTimeout(
      () => {
        this.#ejections.delete(node)
        const leftMs = node.outlier.record.until - Date.now()
        if (leftMs > 0) this.#endLater(node, leftMs)
        else this.#note(node, 'the time of the ejection is over')
      },
      Math.min(durationMs + 1, MAX_TIMER_MS),
    ).unref()
    this.#ejections.set(node, timer)
    this.#note(node, 'ejected')
  }

  /** Tells the workers, the log and the file if something about the node has changed. */
  #note(node: WatchedNode, reason: string): void {
    const { usable } = node
    const before = this.#known.get(node)
    const wasUsable = before?.usable ?? true
    if (usable && !wasUsable) node.startSlowly()
    const { health } = node
    if (before === undefined ? isPlain(health) : isSame(before, health)) return
    this.#known.set(node, { ...health, usable })
    this.#queue(health)
    if (usable === wasUsable) return
    const from = before === undefined ? 'healthy' : nameOf(before)
    const fields = { upstream: health.owner, node: health.node, from, to: nameOf(health), reason }
    this.#options.log[usable ? 'info' : 'warn'](fields, 'node changed its health')
    this.#options.keeper.schedule()
  }

  #welcome(node: WatchedNode): void {
    const { health, usable } = node
    if (isPlain(health)) return
    this.#known.set(node, { ...health, usable })
    this.#queue(health)
  }

  #gone(node: WatchedNode): void {
    clearTimeout(this.#ejections.get(node))
    this.#ejections.delete(node)
    this.#known.delete(node)
    const { health } = node
    if (isPlain(health)) return
    this.#queue({ owner: health.owner, node: health.node, state: 'healthy', ejected: false })
    this.#options.keeper.schedule()
  }

  #queue(health: NodeHealth): void {
    this.#changes.set(`${health.owner} ${health.node}`, health)
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      const changes = [...this.#changes.values()]
      this.#changes = new Map()
      this.#options.send(changes)
    }, SEND_DELAY_MS).unref()
  }

  *#nodes(): Generator<WatchedNode> {
    for (const { nodes } of this.#upstreams.values()) yield* nodes.values()
  }
}

function show({ owner, settings, nodes }: WatchedUpstream): UpstreamHealth {
  const port = settings.active?.probe.port
  return { owner, type: settings.type, port, nodes: [...nodes.values()] }
}

/** Nothing that a worker needs to be told. */
function isPlain({ state, ejected, slowStart }: NodeHealth): boolean {
  return state === 'healthy' && !ejected && slowStart === undefined
}

function isSame(a: NodeHealth, b: NodeHealth): boolean {
  return a.state === b.state && a.ejected === b.ejected && a.slowStart?.since === b.slowStart?.since
}

function nameOf({ state, ejected }: NodeHealth): string {
  return ejected ? 'ejected' : state
}
