import { type AttemptRun, isUsable, type NodeHealth } from '../../model/health.ts'
import { monotonicMs } from '../../support/monotonic.ts'
import type { CheckSettings } from './check-settings.ts'
import { NodeChecks } from './node-checks.ts'
import { OutlierWatch } from './outlier-watch.ts'
import { type ProbeOutcome, type ProbeTarget, probe } from './probe.ts'
import type { ProbeJob } from './probe-schedule.ts'
import type { SavedNode } from './saved-health.ts'

/** More of one kind in a row change no state. */
const MAX_COUNTED = 255

/** The upstream that a node belongs to, as the node sees it. */
export interface NodeOwner {
  readonly owner: string
  readonly settings: CheckSettings
  readonly concurrency: number
  /** How many more of its nodes may be ejected now. */
  readonly ejectable: number
  /** Something about the node may have changed. */
  onJudged(node: WatchedNode, reason: string): void
}

/** One node of one upstream: what is known of its health, by checks and by what requests meet. */
export class WatchedNode implements ProbeJob {
  readonly group: NodeOwner
  /** `address:port`, as workers connect to. */
  readonly key: string
  readonly target: ProbeTarget
  readonly checks: NodeChecks
  readonly outlier: OutlierWatch
  #slowStartSince: number | undefined

  constructor(group: NodeOwner, key: string, target: ProbeTarget, saved?: SavedNode) {
    this.group = group
    this.key = key
    this.target = target
    this.checks = new NodeChecks(saved?.state, saved?.counters)
    this.outlier = new OutlierWatch(saved?.ejection)
  }

  get ejected(): boolean {
    return this.outlier.isEjected(Date.now())
  }

  /** True when it gets requests. */
  get usable(): boolean {
    return isUsable(this.checks.state) && !this.ejected
  }

  /** What workers are told. */
  get health(): NodeHealth {
    const { checks, ejected, key: node, group } = this
    const slowStart = this.#slowStart
    return {
      owner: group.owner,
      node,
      state: checks.state,
      ejected,
      ...(slowStart && { slowStart }),
    }
  }

  /** What is kept over a restart; undefined = nothing worth it. */
  get saved(): SavedNode | undefined {
    const { state, counters } = this.checks
    if (state === 'healthy' && !this.ejected) return undefined
    return { state, counters, ...(this.ejected && { ejection: this.outlier.record }) }
  }

  intervalMs(): number {
    const { active } = this.group.settings
    if (active === undefined) return Number.POSITIVE_INFINITY
    return isUsable(this.checks.state) ? active.healthyIntervalMs : active.unhealthyIntervalMs
  }

  async run(): Promise<void> {
    const { active } = this.group.settings
    if (active !== undefined) this.#judgeProbe(await probe(this.target, active.probe))
  }

  /** Requests begin to come again: their share is to grow from now on. */
  startSlowly(): void {
    if (this.group.settings.slowStartMs > 0) this.#slowStartSince = monotonicMs()
  }

  /** Judges attempts by `checks.passive`. */
  judgePassive(runs: readonly AttemptRun[]): void {
    const limits = this.group.settings.passive
    if (limits === undefined) return
    const { checks } = this
    for (const [http, tcp, timeouts, successes] of runs) {
      repeat(http, () => checks.fail('http', limits.http))
      repeat(tcp, () => checks.fail('tcp', limits.tcp))
      repeat(timeouts, () => checks.fail('timeout', limits.timeout))
      repeat(successes, () => checks.succeed(limits.successes))
    }
    this.group.onJudged(this, 'requests')
  }

  /** Judges attempts by `holdfast.outlier_ejection`. Returns the time of an ejection, if it comes to one. */
  judgeOutlier(runs: readonly AttemptRun[], now = Date.now()): number | undefined {
    const { outlier: settings } = this.group.settings
    if (settings === undefined) return undefined
    for (const [http, tcp, timeouts, successes] of runs) {
      this.outlier.count(http + tcp + timeouts, successes, now, settings)
      const reason = this.ejected ? undefined : this.outlier.reason(settings)
      if (reason !== undefined && this.group.ejectable > 0) {
        const durationMs = this.outlier.eject(now, settings)
        this.group.onJudged(this, `${reason}, ejected for ${Math.round(durationMs)} ms`)
        return durationMs
      }
      if (successes > 0) this.outlier.endRow()
    }
    return undefined
  }

  get #slowStart(): NodeHealth['slowStart'] {
    const windowMs = this.group.settings.slowStartMs
    const since = this.#slowStartSince
    if (since === undefined || monotonicMs() - since >= windowMs) return undefined
    return { since, windowMs }
  }

  #judgeProbe(outcome: ProbeOutcome): void {
    const { active } = this.group.settings
    if (active === undefined || outcome.kind === 'none') return
    const { thresholds, healthyStatuses, unhealthyStatuses } = active
    const { checks } = this
    if (outcome.kind === 'connected') {
      checks.succeed(thresholds.successes)
      this.group.onJudged(this, 'check: connected')
    } else if (outcome.kind !== 'status') {
      checks.fail(outcome.kind, thresholds[outcome.kind])
      this.group.onJudged(this, `check: ${outcome.reason}`)
    } else if (healthyStatuses.has(outcome.status)) {
      checks.succeed(thresholds.successes)
      this.group.onJudged(this, `check: status ${outcome.status}`)
    } else if (unhealthyStatuses.has(outcome.status) || outcome.status === 0) {
      checks.fail('http', thresholds.http)
      const what = outcome.status === 0 ? 'no HTTP' : `status ${outcome.status}`
      this.group.onJudged(this, `check: ${what}`)
    }
  }
}

function repeat(count: number, action: () => void): void {
  for (let n = Math.min(count, MAX_COUNTED); n > 0; n--) action()
}
