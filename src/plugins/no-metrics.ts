import type { MetricBook } from '../model/metrics.ts'

const NOTHING = { series: () => ({ add() {}, observe() {} }) }

/** A book in which nothing is counted, for configurations that are only tried. */
export const NO_METRICS: MetricBook = {
  settings: { maxSeries: 1, expireMs: 0, latencyBuckets: [1], extraLabels: {} },
  generation: 0,
  counter: () => NOTHING,
  gauge: () => NOTHING,
  histogram: () => NOTHING,
}
