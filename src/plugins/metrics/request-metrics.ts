import {
  type CounterSeries,
  type HistogramSeries,
  type MetricBook,
  type MetricFamily,
  REQUEST_METRIC_LABELS,
} from '../../model/metrics.ts'
import type { RequestContext } from '../../model/request-context.ts'
import { compileTemplate, type Template } from '../../support/variables/template.ts'
import { type RequestLabels, requestLabels } from './request-labels.ts'

/** A client can choose the value of an extra label. */
const MAX_VALUE_LENGTH = 128

/** Requests to language models are not told apart: their labels are always the same. */
const MODEL_VALUES = ['traditional_http', '', '']

type Metric = keyof typeof REQUEST_METRIC_LABELS

/** Labels whose values are left empty, by metric. */
export type DisabledLabels = Readonly<Partial<Record<Metric, readonly string[]>>>

/** The series that the requests of one route, consumer and node are counted in. */
export interface RequestSeries {
  status(code: number, source: string): CounterSeries
  readonly latency: HistogramSeries
  readonly upstreamLatency: HistogramSeries
  readonly ownLatency: HistogramSeries
  readonly ingress: CounterSeries
  readonly egress: CounterSeries
}

const metricsOfBooks = new WeakMap<MetricBook, RequestMetrics>()

/** The metrics of requests in a book: there may be an instance of a plugin for each of many routes. */
export function requestMetrics(book: MetricBook): RequestMetrics {
  const known = metricsOfBooks.get(book)
  if (known !== undefined) return known
  const metrics = new RequestMetrics(book)
  metricsOfBooks.set(book, metrics)
  return metrics
}

/** APISIX's metrics of requests. */
class RequestMetrics {
  readonly #status: MetricFamily<CounterSeries>
  readonly #latency: MetricFamily<HistogramSeries>
  readonly #bandwidth: MetricFamily<CounterSeries>
  readonly #extra: Readonly<Record<Metric, readonly Template[]>>
  /** True if labels depend on more than route, consumer and node: series can't be kept then. */
  readonly hasExtraLabels: boolean

  constructor(book: MetricBook) {
    const { extraLabels, latencyBuckets } = book.settings
    const namesOf = (metric: Metric) => [
      ...REQUEST_METRIC_LABELS[metric],
      ...(extraLabels[metric] ?? []).map(({ name }) => name),
    ]
    const templatesOf = (metric: Metric) =>
      (extraLabels[metric] ?? []).map(({ template }) => compileTemplate(template))
    this.#status = book.counter(
      'apisix_http_status',
      'HTTP status codes per service in APISIX',
      namesOf('http_status'),
    )
    this.#latency = book.histogram(
      'apisix_http_latency',
      'HTTP request latency in milliseconds per service in APISIX',
      namesOf('http_latency'),
      latencyBuckets,
    )
    this.#bandwidth = book.counter(
      'apisix_bandwidth',
      'Total bandwidth in bytes consumed per service in APISIX',
      namesOf('bandwidth'),
    )
    this.#extra = {
      http_status: templatesOf('http_status'),
      http_latency: templatesOf('http_latency'),
      bandwidth: templatesOf('bandwidth'),
    }
    this.hasExtraLabels = Object.values(this.#extra).some(({ length }) => length > 0)
  }

  /** Resolves labels: once for each route, consumer and node, not for each request. */
  seriesOf(request: RequestContext, preferName: boolean, disabled: DisabledLabels): RequestSeries {
    const labels = requestLabels(request, preferName)
    const extra = (metric: Metric) =>
      this.#extra[metric].map((template) => short(template(request)))
    const [statusExtra, latencyExtra, bandwidthExtra] = [
      extra('http_status'),
      extra('http_latency'),
      extra('bandwidth'),
    ]
    const common = (first: string) => commonValues(labels, first)
    const latency = (type: string) =>
      this.#latency.series([...enabled('http_latency', disabled, common(type)), ...latencyExtra])
    const bandwidth = (type: string) =>
      this.#bandwidth.series([...enabled('bandwidth', disabled, common(type)), ...bandwidthExtra])
    let upstream: HistogramSeries | undefined
    const codes = new Map<string, CounterSeries>()
    let last: { code: number; source: string; series: CounterSeries } | undefined
    const statusSeries = (code: number, source: string): CounterSeries => {
      const values = enabled('http_status', disabled, statusValues(labels, String(code), source))
      return this.#status.series([...values, ...statusExtra])
    }
    return {
      status(code, source) {
        if (last?.code === code && last.source === source) return last.series
        const key = `${code} ${source}`
        const series = codes.get(key) ?? statusSeries(code, source)
        codes.set(key, series)
        last = { code, source, series }
        return series
      },
      latency: latency('request'),
      // Not every request gets as far as a node.
      get upstreamLatency() {
        upstream ??= latency('upstream')
        return upstream
      },
      ownLatency: latency('apisix'),
      ingress: bandwidth('ingress'),
      egress: bandwidth('egress'),
    }
  }
}

function commonValues({ route, service, consumer, node }: RequestLabels, first: string): string[] {
  return [first, route, service, consumer, node, ...MODEL_VALUES]
}

function statusValues(labels: RequestLabels, code: string, source: string): string[] {
  const { route, matchedUri, matchedHost, service, consumer, node } = labels
  return [code, route, matchedUri, matchedHost, service, consumer, node, ...MODEL_VALUES, source]
}

/** The values, empty where the label is disabled. */
function enabled(metric: Metric, disabled: DisabledLabels, values: string[]): string[] {
  const off = disabled[metric]
  if (off === undefined || off.length === 0) return values
  return values.map((value, i) =>
    off.includes(REQUEST_METRIC_LABELS[metric][i] ?? '') ? '' : value,
  )
}

function short(value: string): string {
  return value.length > MAX_VALUE_LENGTH ? value.slice(0, MAX_VALUE_LENGTH) : value
}
