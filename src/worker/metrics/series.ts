import type { CounterSeries, GaugeSeries, HistogramSeries } from '../../model/metrics.ts'

/** What a series tells of itself when it is reported. */
export interface Series {
  /** Number in reports; 0 = the primary does not know it, or no longer. */
  id: number
  readonly family: number
  readonly values: string[]
  /** Waits in the list of what has changed. */
  changed: boolean
  /** When it was last reported, as the book's clock has it. */
  reportedAt: number
  /** True while it stands for something even if it does not change. */
  readonly inUse: boolean
  /** What was counted since the last report, behind the number; starts anew. */
  take(): number[]
}

/** Series that have changed since the last report. */
export type ChangeList = Series[]

/** A counter or a gauge. */
export class NumberSeries implements Series, CounterSeries, GaugeSeries {
  id = 0
  reportedAt = 0
  changed = false
  readonly family: number
  readonly values: string[]
  readonly #list: ChangeList
  readonly #isGauge: boolean
  #pending = 0
  #total = 0

  constructor(family: number, values: string[], list: ChangeList, isGauge: boolean) {
    this.family = family
    this.values = values
    this.#list = list
    this.#isGauge = isGauge
  }

  get inUse(): boolean {
    return this.#isGauge && this.#total !== 0
  }

  add(amount: number): void {
    this.#pending += amount
    if (this.changed) return
    this.changed = true
    this.#list.push(this)
  }

  take(): number[] {
    const amount = this.#pending
    this.#pending = 0
    this.#total += amount
    return [this.id, amount]
  }
}

/** A histogram: what each bucket got, and the sum of all. */
export class BucketSeries implements Series, HistogramSeries {
  id = 0
  reportedAt = 0
  changed = false
  readonly inUse = false
  readonly family: number
  readonly values: string[]
  readonly #list: ChangeList
  readonly #bounds: Float64Array
  readonly #counts: Uint32Array
  #sum = 0

  constructor(family: number, values: string[], list: ChangeList, bounds: Float64Array) {
    this.family = family
    this.values = values
    this.#list = list
    this.#bounds = bounds
    this.#counts = new Uint32Array(bounds.length + 1)
  }

  observe(value: number): void {
    const bounds = this.#bounds
    let bucket = 0
    // A scan: most requests are quick, and fall into one of the first buckets.
    while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket++
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1
    this.#sum += value
    if (this.changed) return
    this.changed = true
    this.#list.push(this)
  }

  take(): number[] {
    const change = [this.id, this.#sum]
    const counts = this.#counts
    for (let bucket = 0; bucket < counts.length; bucket++) {
      const count = counts[bucket] as number
      if (count > 0) change.push(bucket, count)
    }
    counts.fill(0)
    this.#sum = 0
    return change
  }
}
