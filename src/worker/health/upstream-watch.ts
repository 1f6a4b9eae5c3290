import type { UpstreamError } from '../../model/errors.ts'
import { type AttemptReport, isUsable, type NodeHealth } from '../../model/health.ts'
import { monotonicMs } from '../../support/monotonic.ts'
import type { UpstreamNode, UpstreamObserver } from '../../upstream/upstream-node.ts'
import type { StoredUpstream } from '../stored-objects.ts'
import { AttemptTally, COUNT, type CountedAs } from './attempt-tally.ts'
import {
  FAILURE,
  IGNORED,
  outlierClasses,
  passiveClasses,
  type StatusClasses,
} from './status-classes.ts'

/** A node that starts slowly gets at least this share: with none it would never prove itself. */
const MIN_SHARE = 0.05

interface Watched {
  readonly node: UpstreamNode
  /** The primary counts successes of this node only if it is not (or not quite) healthy. */
  attentive: boolean
  health: NodeHealth | undefined
  readonly passive: AttemptTally
  readonly outlier: AttemptTally
}

/** What the watches of a worker share. */
export interface WatchHost {
  /** What the primary has said last of a node; undefined = nothing is wrong with it. */
  healthOf(owner: string, node: string): NodeHealth | undefined
  /** There is something to report. */
  onCounted(watch: UpstreamWatch): void
  onNodes(watch: UpstreamWatch, present: boolean): void
  /** A node's share grows: `grow` is to be called now and then. */
  onGrowing(watch: UpstreamWatch): void
}

/**
 * Counts what the requests to one upstream meet, and keeps its nodes as the primary says they are.
 * Costs a healthy node one look-up per attempt, and no report at all.
 */
export class UpstreamWatch implements UpstreamObserver {
  readonly owner: string
  readonly #host: WatchHost
  readonly #passive: StatusClasses | undefined
  readonly #outlier: StatusClasses | undefined
  #nodes = new Map<UpstreamNode, Watched>()

  constructor(owner: string, { checks, holdfast }: StoredUpstream, host: WatchHost) {
    this.owner = owner
    this.#host = host
    this.#passive = checks?.passive && passiveClasses(checks.passive)
    this.#outlier = holdfast?.outlier_ejection && outlierClasses(holdfast.outlier_ejection)
  }

  onNodes(nodes: readonly UpstreamNode[]): void {
    const before = this.#nodes
    this.#nodes = new Map(nodes.map((node) => [node, before.get(node) ?? this.#watch(node)]))
    this.#host.onNodes(this, nodes.length > 0)
  }

  onResponse(node: UpstreamNode, status: number): void {
    const watched = this.#nodes.get(node)
    if (watched === undefined) return
    const passive = this.#passive?.[status] ?? IGNORED
    if (passive !== IGNORED) this.#countPassive(watched, countOf(passive))
    if (this.#outlier !== undefined) this.#count(watched.outlier, countOf(this.#outlier[status]))
  }

  onFailure(node: UpstreamNode, error: UpstreamError): void {
    const watched = this.#nodes.get(node)
    const counted = countOfError(error)
    if (watched === undefined || counted === undefined) return
    if (this.#passive !== undefined) this.#countPassive(watched, counted)
    if (this.#outlier !== undefined) this.#count(watched.outlier, counted)
  }

  /** The primary says something new of a node; undefined = all is well with it. */
  setHealth(address: string, health: NodeHealth | undefined): void {
    for (const watched of this.#nodes.values()) {
      if (watched.node.address === address) this.#apply(watched, health)
    }
  }

  /** Lets the shares of nodes that start slowly grow; false when none has to any longer. */
  grow(): boolean {
    let growing = false
    for (const watched of this.#nodes.values()) {
      watched.node.share = shareOf(watched.health)
      if (watched.node.share < 1) growing = true
    }
    return growing
  }

  /** What was counted since the last call. */
  takeReports(): AttemptReport[] {
    const reports: AttemptReport[] = []
    for (const { node, passive, outlier } of this.#nodes.values()) {
      if (passive.isEmpty && outlier.isEmpty) continue
      reports.push({
        owner: this.owner,
        node: node.address,
        ...(node.name !== undefined && { name: node.name }),
        ...(!passive.isEmpty && { passive: passive.take() }),
        ...(!outlier.isEmpty && { outlier: outlier.take() }),
      })
    }
    return reports
  }

  #watch(node: UpstreamNode): Watched {
    const watched: Watched = {
      node,
      attentive: false,
      health: undefined,
      passive: new AttemptTally(),
      outlier: new AttemptTally(),
    }
    this.#apply(watched, this.#host.healthOf(this.owner, node.address))
    return watched
  }

  #apply(watched: Watched, health: NodeHealth | undefined): void {
    const { node } = watched
    watched.health = health
    watched.attentive = health !== undefined && health.state !== 'healthy'
    node.available = health === undefined || (isUsable(health.state) && !health.ejected)
    node.share = shareOf(health)
    if (node.share < 1) this.#host.onGrowing(this)
  }

  #countPassive(watched: Watched, counted: CountedAs): void {
    const { attentive, passive } = watched
    if (counted === COUNT.success && !attentive && passive.isEmpty) return
    this.#count(passive, counted)
  }

  #count(tally: AttemptTally, counted: CountedAs): void {
    tally.add(counted)
    this.#host.onCounted(this)
  }
}

function shareOf(health: NodeHealth | undefined): number {
  if (health?.slowStart === undefined) return 1
  const { since, windowMs } = health.slowStart
  return Math.min(Math.max((monotonicMs() - since) / windowMs, MIN_SHARE), 1)
}

function countOf(statusClass: number | undefined): CountedAs {
  return statusClass === FAILURE ? COUNT.http : COUNT.success
}

/** Undefined: the failure was not the node's. */
function countOfError({ code, cause }: UpstreamError): CountedAs | undefined {
  if (code === 'GW_UPSTREAM_TIMEOUT') return COUNT.timeout
  if (code === 'GW_UPSTREAM_CONNECT' || code === 'GW_UPSTREAM_RESET') return COUNT.tcp
  // The other causes of this code lie in the request: no client may take a node out with one.
  const isGarbage = cause instanceof Error && cause.name === 'HTTPParserError'
  return code === 'GW_UPSTREAM_PROTOCOL' && isGarbage ? COUNT.tcp : undefined
}
