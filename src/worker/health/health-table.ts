import type { AttemptReport, NodeHealth } from '../../model/health.ts'
import type { UpstreamObserver } from '../../upstream/upstream-node.ts'
import type { StoredUpstream } from '../stored-objects.ts'
import { UpstreamWatch, type WatchHost } from './upstream-watch.ts'

/** Attempts are reported together: a node that fails is known everywhere well within 100 ms. */
const REPORT_DELAY_MS = 20
/** Steps in which shares of nodes that start slowly grow. */
const GROW_STEP_MS = 100

/**
 * The health of all nodes as this worker knows it: what the primary says, applied to the upstreams of
 * the configuration, and what requests meet, for the primary to judge.
 */
export class HealthTable implements WatchHost {
  readonly #report: (reports: AttemptReport[]) => void
  /** By owner and node; only those that are not simply healthy. */
  readonly #known = new Map<string, Map<string, NodeHealth>>()
  /** By owner: while a configuration is built aside, there are two of one. */
  readonly #watches = new Map<string, Set<UpstreamWatch>>()
  readonly #counted = new Set<UpstreamWatch>()
  readonly #growing = new Set<UpstreamWatch>()
  #reportTimer: NodeJS.Timeout | undefined
  #growTimer: NodeJS.Timeout | undefined

  constructor(report: (reports: AttemptReport[]) => void) {
    this.#report = report
  }

  /** Watches an upstream that asks for it. */
  observe(body: StoredUpstream, owner: string): UpstreamObserver | undefined {
    const isWatched = body.checks !== undefined || body.holdfast?.outlier_ejection !== undefined
    return isWatched && owner !== '' ? new UpstreamWatch(owner, body, this) : undefined
  }

  /** Takes over what the primary says. */
  apply(nodes: readonly NodeHealth[]): void {
    for (const health of nodes) {
      const { owner, node, state, ejected, slowStart } = health
      const isPlain = state === 'healthy' && !ejected && slowStart === undefined
      const known = isPlain ? undefined : health
      this.#keep(owner, node, known)
      for (const watch of this.#watches.get(owner) ?? []) watch.setHealth(node, known)
    }
  }

  healthOf(owner: string, node: string): NodeHealth | undefined {
    return this.#known.get(owner)?.get(node)
  }

  onNodes(watch: UpstreamWatch, present: boolean): void {
    const { owner } = watch
    const watches = this.#watches.get(owner) ?? new Set()
    if (present) {
      this.#watches.set(owner, watches.add(watch))
      return
    }
    watches.delete(watch)
    if (watches.size === 0) this.#watches.delete(owner)
    this.#counted.delete(watch)
    this.#growing.delete(watch)
  }

  onCounted(watch: UpstreamWatch): void {
    this.#counted.add(watch)
    this.#reportTimer ??= setTimeout(() => this.#flush(), REPORT_DELAY_MS)
  }

  onGrowing(watch: UpstreamWatch): void {
    this.#growing.add(watch)
    this.#growTimer ??= setInterval(() => this.#grow(), GROW_STEP_MS).unref()
  }

  #keep(owner: string, node: string, health: NodeHealth | undefined): void {
    const nodes = this.#known.get(owner) ?? new Map<string, NodeHealth>()
    if (health === undefined) nodes.delete(node)
    else nodes.set(node, health)
    if (nodes.size === 0) this.#known.delete(owner)
    else this.#known.set(owner, nodes)
  }

  #flush(): void {
    this.#reportTimer = undefined
    const reports = [...this.#counted].flatMap((watch) => watch.takeReports())
    this.#counted.clear()
    if (reports.length > 0) this.#report(reports)
  }

  #grow(): void {
    for (const watch of this.#growing) if (!watch.grow()) this.#growing.delete(watch)
    if (this.#growing.size > 0) return
    clearInterval(this.#growTimer)
    this.#growTimer = undefined
  }
}
