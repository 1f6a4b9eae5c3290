import type { MetricDefinition } from '../../model/metrics.ts'

/** What all workers have counted in one series. */
export class SeriesSum {
  /** `a="1",b="2"`, escaped. */
  readonly labels: string
  readonly key: string
  value = 0
  /** Of a histogram: what each bucket got; the last one stands for infinity. */
  readonly counts: Float64Array | undefined
  changedAt: number
  /** Forgotten: whoever still refers to it must ask for a new one. */
  gone = false

  constructor(key: string, labels: string, buckets: number | undefined, now: number) {
    this.key = key
    this.labels = labels
    this.counts = buckets === undefined ? undefined : new Float64Array(buckets + 1)
    this.changedAt = now
  }

  /** `change` as in a MetricReport, behind the series' number. */
  add(change: readonly number[], now: number): void {
    this.changedAt = now
    this.value += change[1] ?? 0
    const { counts } = this
    if (counts === undefined) return
    for (let i = 2; i + 1 < change.length; i += 2) {
      const bucket = change[i] as number
      counts[bucket] = (counts[bucket] as number) + (change[i + 1] as number)
    }
  }
}

/** The series of one metric, rendered as Prometheus' text format wants them. */
export class MetricSums {
  readonly definition: MetricDefinition
  readonly series = new Map<string, SeriesSum>()
  readonly #bounds: readonly string[]

  constructor(definition: MetricDefinition) {
    this.definition = definition
    this.#bounds = [...(definition.buckets ?? []).map(String), '+Inf']
  }

  open(key: string, values: readonly string[], now: number): SeriesSum {
    const { labels, buckets } = this.definition
    const pairs = labels.map((label, i) => `${label}="${escaped(values[i] ?? '')}"`)
    const sum = new SeriesSum(key, pairs.join(','), buckets?.length, now)
    this.series.set(key, sum)
    return sum
  }

  forget(sum: SeriesSum): void {
    sum.gone = true
    if (this.series.get(sum.key) === sum) this.series.delete(sum.key)
  }

  lines({ labels, value, counts }: SeriesSum): string {
    const { name } = this.definition
    const braces = labels === '' ? '' : `{${labels}}`
    if (counts === undefined) return `${name}${braces} ${value}\n`
    const before = labels === '' ? '' : `${labels},`
    let text = ''
    let total = 0
    for (let i = 0; i < counts.length; i++) {
      total += counts[i] as number
      text += `${name}_bucket{${before}le="${this.#bounds[i]}"} ${total}\n`
    }
    return `${text}${name}_sum${braces} ${value}\n${name}_count${braces} ${total}\n`
  }
}

function escaped(value: string): string {
  if (!/[\\"\n]/.test(value)) return value
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
