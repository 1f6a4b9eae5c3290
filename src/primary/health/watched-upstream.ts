import { isIP } from 'node:net'
import type { AttemptReport } from '../../model/health.ts'
import type { Upstream } from '../../model/schemas/upstream.ts'
import type { NameService } from '../../upstream/names/name-service.ts'
import type { CheckSettings } from './check-settings.ts'
import { NodeTargets } from './node-targets.ts'
import type { ProbeTarget } from './probe.ts'
import type { ProbeSchedule } from './probe-schedule.ts'
import type { SavedNode } from './saved-health.ts'
import { type NodeOwner, WatchedNode } from './watched-node.ts'

/** What all watched upstreams share. */
export interface WatchParts {
  readonly schedule: ProbeSchedule
  readonly names: NameService
  /** What was known of a node before the start; it is taken once. */
  takeSaved(owner: string, node: string): SavedNode | undefined
  onJudged(node: WatchedNode, reason: string): void
  /** It is watched from now on, perhaps with what was known of it. */
  onNew(node: WatchedNode): void
  /** It belongs to the upstream no longer. */
  onGone(node: WatchedNode): void
  onEjected(node: WatchedNode, durationMs: number): void
}

/** The nodes of one upstream that are watched. A node stays the same while its address does. */
export class WatchedUpstream implements NodeOwner {
  readonly owner: string
  readonly nodes = new Map<string, WatchedNode>()
  readonly #parts: WatchParts
  #settings: CheckSettings
  #targets: NodeTargets | undefined

  constructor(owner: string, settings: CheckSettings, parts: WatchParts) {
    this.owner = owner
    this.#settings = settings
    this.#parts = parts
  }

  get settings(): CheckSettings {
    return this.#settings
  }

  get concurrency(): number {
    return this.#settings.active?.concurrency ?? 1
  }

  get ejectable(): number {
    const percent = this.#settings.outlier?.maxEjectionPercent ?? 0
    const all = this.nodes.size
    // At least one of several may go, never all.
    const allowed = Math.min(Math.max(Math.floor((all * percent) / 100), 1), all - 1)
    return allowed - [...this.nodes.values()].filter(({ ejected }) => ejected).length
  }

  onJudged(node: WatchedNode, reason: string): void {
    // It may have gone while it was probed.
    if (this.nodes.get(node.key) === node) this.#parts.onJudged(node, reason)
  }

  /** Takes over a new version of the configuration. */
  configure(settings: CheckSettings, upstream: Partial<Upstream>): void {
    this.#settings = settings
    const before = this.#targets
    this.#targets = new NodeTargets(upstream, this.#parts.names, () => this.#refresh())
    // After the new ones are watched: names that stay are not looked up again.
    before?.stop()
    this.#refresh()
  }

  /** Judges what a worker's requests met. */
  judge({ node: key, name, passive, outlier }: AttemptReport): void {
    const node = this.nodes.get(key) ?? this.#adopt(key, name)
    if (node === undefined) return
    if (passive !== undefined) node.judgePassive(passive)
    const ejectedMs = outlier && node.judgeOutlier(outlier)
    if (ejectedMs !== undefined) this.#parts.onEjected(node, ejectedMs)
  }

  stop(): void {
    this.#targets?.stop()
    this.#targets = undefined
    for (const node of [...this.nodes.values()]) this.#drop(node)
  }

  /** Brings the nodes in line with the configuration and with what names stand for now. */
  #refresh(): void {
    const targets = this.#targets?.all ?? new Map<string, ProbeTarget>()
    for (const [key, node] of this.nodes) if (!targets.has(key)) this.#drop(node)
    for (const [key, target] of targets) this.#keep(key, target)
    for (const node of this.nodes.values()) this.#plan(node)
  }

  #plan(node: WatchedNode): void {
    if (this.#settings.active === undefined) this.#parts.schedule.remove(node)
    else this.#parts.schedule.add(node)
  }

  #keep(key: string, target: ProbeTarget): void {
    const known = this.nodes.get(key)
    if (known?.target.hostname === target.hostname) return
    // The same address under another name: what is known of it holds.
    const saved = known?.saved ?? this.#parts.takeSaved(this.owner, key)
    if (known !== undefined) this.#drop(known)
    const node = new WatchedNode(this, key, target, saved)
    this.nodes.set(key, node)
    this.#parts.onNew(node)
    const leftMs = node.outlier.record.until - Date.now()
    if (leftMs > 0) this.#parts.onEjected(node, leftMs)
  }

  /** A worker's resolver may know an address of a name that ours does not (yet). */
  #adopt(key: string, name: string | undefined): WatchedNode | undefined {
    if (name === undefined || this.#targets?.hasName(name) !== true) return undefined
    const [, address = '', port] = /^\[?([^\]]*)\]?:(\d+)$/.exec(key) ?? []
    if (isIP(address) === 0) return undefined
    this.#keep(key, { address, port: Number(port), hostname: name })
    const node = this.nodes.get(key)
    if (node !== undefined) this.#plan(node)
    return node
  }

  #drop(node: WatchedNode): void {
    this.nodes.delete(node.key)
    this.#parts.schedule.remove(node)
    this.#parts.onGone(node)
  }
}
