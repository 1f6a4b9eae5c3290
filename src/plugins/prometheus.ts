import { REQUEST_METRIC_LABELS } from '../model/metrics.ts'
import { Type } from '../model/schema-builder.ts'
import { definePlugin, type RequestContext } from './contract.ts'
import {
  type DisabledLabels,
  type RequestSeries,
  requestMetrics,
} from './metrics/request-metrics.ts'
import { SeriesCache } from './metrics/series-cache.ts'

/** nginx's status for a client that left before there was an answer. */
const CLIENT_CLOSED_REQUEST = 499

const schema = Type.Object({
  prefer_name: Type.Boolean({
    default: false,
    description: 'Names of routes and services in the labels, where they have one, not ids.',
  }),
})

const metadataSchema = Type.Object({
  disabled_labels: Type.Optional(
    Type.Object(
      {
        http_status: labelsOf('http_status'),
        http_latency: labelsOf('http_latency'),
        bandwidth: labelsOf('bandwidth'),
      },
      {
        additionalProperties: false,
        description: 'Labels that are left empty, by metric, so that there are fewer series.',
      },
    ),
  ),
})

/** Counts requests, their latencies and bytes, under the names and labels of APISIX. */
export default definePlugin({
  name: 'prometheus',
  priority: 500,
  preferRoute: true,
  schema,
  metadataSchema,

  create({ prefer_name: preferName }, host) {
    let metrics: ReturnType<typeof requestMetrics> | undefined
    let cache: SeriesCache<RequestSeries> | undefined
    let metadata: unknown
    let disabled: DisabledLabels = {}
    const seriesOf = (request: RequestContext) => {
      metrics ??= requestMetrics(host.metrics)
      return metrics.seriesOf(request, preferName, disabled)
    }

    return {
      log(request) {
        const current = host.metadata()
        if (current !== metadata) {
          metadata = current
          disabled = (current['disabled_labels'] ?? {}) as DisabledLabels
          cache = undefined
        }
        cache ??= new SeriesCache(host.metrics, seriesOf)
        count(request, metrics?.hasExtraLabels ? seriesOf(request) : cache.get(request))
      },
    }
  },
})

function count(request: RequestContext, series: RequestSeries): void {
  const { status, upstream } = request
  series.status(status === 0 ? CLIENT_CLOSED_REQUEST : status, sourceOf(request)).add(1)
  const latencyMs = performance.now() - request.startedAt
  const { responseMs } = upstream
  series.latency.observe(latencyMs)
  if (responseMs === undefined) {
    series.ownLatency.observe(latencyMs)
  } else {
    series.upstreamLatency.observe(responseMs)
    series.ownLatency.observe(latencyMs > responseMs ? latencyMs - responseMs : 0)
  }
  series.ingress.add(request.requestLength)
  series.egress.add(request.headBytesSent + request.bytesSent)
}

/** Who answered. `nginx`: the request was to go to a node, and the gateway answered for it. */
function sourceOf({ answeredByNode, upstream }: RequestContext): string {
  if (answeredByNode) return 'upstream'
  return upstream.nodes.length > 0 ? 'nginx' : 'apisix'
}

function labelsOf(metric: keyof typeof REQUEST_METRIC_LABELS) {
  const [, ...names] = REQUEST_METRIC_LABELS[metric]
  return Type.Optional(Type.Array(Type.Enum(names, { type: 'string' })))
}
