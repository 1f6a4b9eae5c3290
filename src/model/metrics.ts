/** A metric and what all its series have in common. */
export interface MetricDefinition {
  /** As it is exported, such as `apisix_http_status`. */
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  /** The first one has few values: it keeps its own where there is no room for more series. */
  readonly labels: readonly string[]
  /** Upper bounds of a histogram, growing, without infinity. */
  readonly buckets?: readonly number[]
}

/** A number that only grows. */
export interface CounterSeries {
  add(amount: number): void
}

/** A number that goes up and down; all workers' are added up. */
export interface GaugeSeries {
  add(change: number): void
}

export interface HistogramSeries {
  observe(value: number): void
}

/** A metric whose series are found by the values of its labels. */
export interface MetricFamily<S> {
  /**
   * The series with these values, in the order of the labels. Keep it: looking it up costs more
   * than counting. While there are too many series, one that stands for all the others.
   */
  series(values: readonly string[]): S
}

/** A label that operators add to a metric: its value is that of a template. */
export interface ExtraLabel {
  readonly name: string
  readonly template: string
}

/** What operators say of the metrics of requests. */
export interface MetricSettings {
  /** Series of one metric; more are counted together. */
  readonly maxSeries: number
  /** A series that nothing has been counted in for so long is forgotten; 0 = never. */
  readonly expireMs: number
  /** Upper bounds of `apisix_http_latency`, in milliseconds. */
  readonly latencyBuckets: readonly number[]
  /** By metric, without `apisix_`: `http_status`, `http_latency`, `bandwidth`. */
  readonly extraLabels: Readonly<Record<string, readonly ExtraLabel[]>>
}

/** Metrics that workers count and the metrics listener shows, summed over all workers. */
export interface MetricBook {
  readonly settings: MetricSettings
  /** Changes when series that were kept may stand for others now, or others could be had: look anew. */
  readonly generation: number
  counter(name: string, help: string, labels: readonly string[]): MetricFamily<CounterSeries>
  gauge(name: string, help: string, labels: readonly string[]): MetricFamily<GaugeSeries>
  histogram(
    name: string,
    help: string,
    labels: readonly string[],
    buckets: readonly number[],
  ): MetricFamily<HistogramSeries>
}

/** What a worker has counted since its last report. Numbers are the worker's own. */
export interface MetricReport {
  /** Families of which the report has the first series. */
  readonly families: readonly (readonly [family: number, definition: MetricDefinition])[]
  /** Series that are new, with the values of their labels. */
  readonly series: readonly (readonly [series: number, family: number, values: string[]])[]
  /**
   * What to add: to a counter or gauge `[series, amount]`; to a histogram
   * `[series, sum, bucket, count, bucket, count …]`, the bucket after the last standing for infinity.
   */
  readonly changes: readonly (readonly number[])[]
  /** Series whose numbers the worker will not use again. */
  readonly forgotten: readonly number[]
}

const MODEL_LABELS = ['request_type', 'request_llm_model', 'llm_model']

/** Labels of the metrics of requests; operators may add some. The first says what is counted. */
export const REQUEST_METRIC_LABELS = {
  http_status: [
    'code',
    'route',
    'matched_uri',
    'matched_host',
    'service',
    'consumer',
    'node',
    ...MODEL_LABELS,
    'response_source',
  ],
  http_latency: ['type', 'route', 'service', 'consumer', 'node', ...MODEL_LABELS],
  bandwidth: ['type', 'route', 'service', 'consumer', 'node', ...MODEL_LABELS],
}

/** What stands in the labels of the series that counts what there is no room for. */
const OVERFLOW = 'overflow'

/** Labels of the series that counts for one that there is no room for. */
export function overflowValues(values: readonly string[]): string[] {
  return values.map((value, index) => (index === 0 ? value : OVERFLOW))
}
