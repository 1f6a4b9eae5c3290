import {
  type CounterSeries,
  type GaugeSeries,
  type HistogramSeries,
  type MetricBook,
  type MetricDefinition,
  type MetricFamily,
  type MetricReport,
  type MetricSettings,
  overflowValues,
} from '../../model/metrics.ts'
import { BucketSeries, type ChangeList, NumberSeries, type Series } from './series.ts'

/** Series in one report: some 100 kB with all their labels. */
const MAX_REPORTED = 1_000
/** The primary keeps the sums: a worker need not remember what it counted in long ago. */
const IDLE_MS = 60_000
const SWEEP_MS = 10_000

interface WorkerMetricsOptions {
  readonly settings: MetricSettings
  /** Sends a report; `sent` is called once the channel has taken it. */
  send(report: MetricReport, sent: () => void): void
  /** Milliseconds of a monotonic clock. */
  now?: () => number
}

interface Family<S extends Series = Series> extends MetricFamily<S> {
  readonly number: number
  readonly definition: MetricDefinition
  readonly known: Map<string, S>
  reported: boolean
}

/**
 * What the plugins of a worker count. Counting adds to plain numbers; every half second the worker
 * reports what has changed, and the primary adds it up.
 */
export class WorkerMetrics implements MetricBook {
  readonly settings: MetricSettings
  generation = 0
  readonly #send: WorkerMetricsOptions['send']
  readonly #now: () => number
  readonly #families = new Map<string, Family>()
  readonly #byNumber: Family[] = []
  #changes: ChangeList = []
  #forgotten: number[] = []
  #lastId = 0
  /** Reports that the channel has not taken yet. */
  #sending = 0
  #sweptAt: number

  constructor({ settings, send, now = () => performance.now() }: WorkerMetricsOptions) {
    this.settings = settings
    this.#send = send
    this.#now = now
    this.#sweptAt = now()
  }

  counter(name: string, help: string, labels: readonly string[]): MetricFamily<CounterSeries> {
    const definition: MetricDefinition = { name, help, type: 'counter', labels }
    return this.#family(definition, (family, values) => this.#number(family, values, false))
  }

  gauge(name: string, help: string, labels: readonly string[]): MetricFamily<GaugeSeries> {
    const definition: MetricDefinition = { name, help, type: 'gauge', labels }
    return this.#family(definition, (family, values) => this.#number(family, values, true))
  }

  histogram(
    name: string,
    help: string,
    labels: readonly string[],
    buckets: readonly number[],
  ): MetricFamily<HistogramSeries> {
    const definition: MetricDefinition = { name, help, type: 'histogram', labels, buckets }
    const bounds = Float64Array.from(buckets)
    return this.#family(
      definition,
      (family, values) => new BucketSeries(family, values, this.#changes, bounds),
    )
  }

  /** Reports what has changed. While the primary does not read, changes wait: they cost no memory. */
  flush(): void {
    if (this.#sending === 0) this.#flush()
  }

  /** Reports what is left, for a worker that ends. */
  close(): void {
    this.#flush()
  }

  #flush(): void {
    const now = this.#now()
    this.#sweep(now)
    const changed = this.#changes.splice(0)
    for (let start = 0; start < changed.length; start += MAX_REPORTED) {
      this.#report(changed.slice(start, start + MAX_REPORTED), now)
    }
    if (changed.length === 0 && this.#forgotten.length > 0) this.#report([], now)
  }

  #report(changed: readonly Series[], now: number): void {
    const families: [number, MetricDefinition][] = []
    const series: [number, number, string[]][] = []
    for (const one of changed) {
      one.changed = false
      one.reportedAt = now
      if (one.id !== 0) continue
      one.id = ++this.#lastId
      series.push([one.id, one.family, one.values])
      const family = this.#byNumber[one.family]
      if (family === undefined || family.reported) continue
      family.reported = true
      families.push([family.number, family.definition])
    }
    const changes = changed.map((one) => one.take())
    const forgotten = this.#forgotten
    this.#forgotten = []
    this.#sending++
    this.#send({ families, series, changes, forgotten }, () => {
      this.#sending--
    })
  }

  /** Whoever keeps a series that is forgotten here may go on counting in it: it gets a new number. */
  #sweep(now: number): void {
    if (now < this.#sweptAt + SWEEP_MS) return
    this.#sweptAt = now
    let freed = false
    for (const { known } of this.#byNumber) {
      for (const [key, one] of known) {
        if (one.changed || one.inUse || one.id === 0 || now < one.reportedAt + IDLE_MS) continue
        this.#forgotten.push(one.id)
        one.id = 0
        known.delete(key)
        freed = true
      }
    }
    if (freed) this.generation++
  }

  #number(family: number, values: string[], isGauge: boolean): NumberSeries {
    return new NumberSeries(family, values, this.#changes, isGauge)
  }

  /** The same for all that ask for the same. */
  #family<S extends Series>(
    definition: MetricDefinition,
    create: (family: number, values: string[]) => S,
  ): Family<S> {
    const key = JSON.stringify(definition)
    const known = this.#families.get(key)
    if (known !== undefined) return known as Family<S>
    const number = this.#byNumber.length
    const { maxSeries } = this.settings
    const series = new Map<string, S>()
    // Bounded by what the first label can be.
    const overflow = new Map<string, S>()
    const family: Family<S> = {
      number,
      definition,
      known: series,
      reported: false,
      series(values) {
        const name = values.join('\0')
        const found = series.get(name) ?? overflow.get(name)
        if (found !== undefined) return found
        if (series.size < maxSeries) {
          const made = create(number, [...values])
          series.set(name, made)
          return made
        }
        const shared = overflowValues(values)
        const sharedName = shared.join('\0')
        const standIn = overflow.get(sharedName) ?? create(number, shared)
        overflow.set(sharedName, standIn)
        return standIn
      },
    }
    this.#families.set(key, family)
    this.#byNumber.push(family)
    return family
  }
}
