import { type MetricReport, type MetricSettings, overflowValues } from '../../model/metrics.ts'
import { MetricSums, type SeriesSum } from './metric-sums.ts'

const SWEEP_MS = 1_000

type Limits = Pick<MetricSettings, 'maxSeries' | 'expireMs'>

/** A series as one worker knows it. */
interface WorkerSeries {
  readonly metric: MetricSums
  readonly values: readonly string[]
  sum: SeriesSum
  /** What this worker has put into a gauge: it goes when the worker does. */
  share: number
}

interface WorkerBook {
  readonly families: Map<number, MetricSums>
  readonly series: Map<number, WorkerSeries>
}

/**
 * What workers have counted, added up: sums outlive the workers. Series that nothing was counted in
 * for long are forgotten; where there are too many, further ones are counted together.
 */
export class MetricStore {
  limits: Limits
  readonly #now: () => number
  /** By name; several of one name differ in their labels: settings changed. */
  readonly #metrics = new Map<string, MetricSums[]>()
  readonly #workers = new Map<number, WorkerBook>()
  readonly #overflowed = new Map<string, number>()
  readonly #sweeper: NodeJS.Timeout

  /** @param now Milliseconds of a monotonic clock. */
  constructor(limits: Limits, now: () => number = () => performance.now()) {
    this.limits = limits
    this.#now = now
    this.#sweeper = setInterval(() => this.sweep(), SWEEP_MS)
    this.#sweeper.unref()
  }

  stop(): void {
    clearInterval(this.#sweeper)
  }

  receive(worker: number, { families, series, changes, forgotten }: MetricReport): void {
    const book = this.#workers.get(worker) ?? { families: new Map(), series: new Map() }
    this.#workers.set(worker, book)
    const now = this.#now()
    for (const [number, definition] of families) {
      book.families.set(number, this.#metric(definition))
    }
    for (const [number, family, values] of series) {
      const metric = book.families.get(family)
      if (metric === undefined) continue
      const sum = this.#sum(metric, values, now)
      book.series.set(number, { metric, values, sum, share: 0 })
    }
    for (const change of changes) {
      const known = book.series.get(change[0] as number)
      if (known === undefined) continue
      if (known.sum.gone) known.sum = this.#sum(known.metric, known.values, now)
      known.sum.add(change, now)
      if (known.metric.definition.type === 'gauge') known.share += change[1] ?? 0
    }
    for (const number of forgotten) book.series.delete(number)
  }

  /** The worker has ended. What it counted stays, what it held does not. */
  leave(worker: number): void {
    for (const { sum, share } of this.#workers.get(worker)?.series.values() ?? []) {
      if (share !== 0) sum.value -= share
    }
    this.#workers.delete(worker)
  }

  /** Series by metric. */
  get sizes(): Map<string, number> {
    return new Map([...this.#metrics].map(([name, metrics]) => [name, sizeOf(metrics)]))
  }

  /** How many series were counted together with others for want of room, by metric. */
  get overflowed(): ReadonlyMap<string, number> {
    return this.#overflowed
  }

  /** The text of all metrics, in pieces. */
  *text(): Generator<string> {
    for (const [name, metrics] of this.#metrics) {
      const [first] = metrics
      if (first === undefined || sizeOf(metrics) === 0) continue
      const { help, type } = first.definition
      yield `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`
      for (const metric of metrics) {
        for (const sum of metric.series.values()) yield metric.lines(sum)
      }
    }
  }

  /** Forgets what has expired. */
  sweep(): void {
    const { expireMs } = this.limits
    if (expireMs === 0) return
    const since = this.#now() - expireMs
    for (const metrics of this.#metrics.values()) {
      for (const metric of metrics) {
        for (const sum of metric.series.values()) {
          const holds = metric.definition.type === 'gauge' && sum.value !== 0
          if (sum.changedAt < since && !holds) metric.forget(sum)
        }
      }
    }
  }

  #metric(definition: MetricSums['definition']): MetricSums {
    const others = this.#metrics.get(definition.name) ?? []
    const same = others.find((metric) => isSame(metric.definition, definition))
    if (same !== undefined) return same
    // Buckets changed: the same labels must not be there twice.
    const stay = others.filter(
      ({ definition: { labels } }) => `${labels}` !== `${definition.labels}`,
    )
    for (const metric of others) {
      if (!stay.includes(metric)) for (const sum of metric.series.values()) metric.forget(sum)
    }
    const metric = new MetricSums(definition)
    this.#metrics.set(definition.name, [...stay, metric])
    return metric
  }

  #sum(metric: MetricSums, values: readonly string[], now: number): SeriesSum {
    const key = values.join('\0')
    const known = metric.series.get(key)
    if (known !== undefined) return known
    if (metric.series.size < this.limits.maxSeries) return metric.open(key, values, now)
    const { name } = metric.definition
    this.#overflowed.set(name, (this.#overflowed.get(name) ?? 0) + 1)
    const shared = overflowValues(values)
    const sharedKey = shared.join('\0')
    return metric.series.get(sharedKey) ?? metric.open(sharedKey, shared, now)
  }
}

function sizeOf(metrics: readonly MetricSums[]): number {
  return metrics.reduce((sum, { series }) => sum + series.size, 0)
}

function isSame(a: MetricSums['definition'], b: MetricSums['definition']): boolean {
  return `${a.labels}` === `${b.labels}` && `${a.buckets}` === `${b.buckets}`
}
