import { resolve } from 'node:path'
import type { AccessLogSettings } from '../model/ipc.ts'
import { type ExtraLabel, type MetricSettings, REQUEST_METRIC_LABELS } from '../model/metrics.ts'
import { choice, integer, setting } from './setting.ts'

const MAX_BUCKETS = 64
const MAX_EXPIRE_MS = 30 * 24 * 3_600_000

/** Labels that metrics have already; only those can have further ones. */
const OWN_LABELS = new Map(Object.entries(REQUEST_METRIC_LABELS))

/** nginx's `escape` of log_format. */
const ESCAPES = ['default', 'json', 'none'] as const

/** APISIX's, without what nginx alone knows of its upstream. */
const ACCESS_LOG_FORMAT =
  '$remote_addr - $remote_user [$time_local] $http_host "$request" $status $body_bytes_sent ' +
  '$request_time "$http_referer" "$http_user_agent" $upstream_addr $upstream_status ' +
  '$upstream_response_time'

/** What is counted of requests, and written down of them. */
export const OBSERVABILITY_CATALOGUE = {
  HOLDFAST_METRICS_MAX_SERIES: integer({ default: 10_000, min: 100, max: 1_000_000 }),
  HOLDFAST_METRICS_EXPIRE_MS: integer({
    default: 3_600_000,
    min: 0,
    max: MAX_EXPIRE_MS,
    unit: 'milliseconds',
  }),
  HOLDFAST_METRICS_LATENCY_BUCKETS: setting({
    allowed: `1 to ${MAX_BUCKETS} comma-separated numbers of milliseconds, each larger than the one before`,
    default: '1,2,5,10,20,50,100,200,500,1000,2000,5000,10000,30000,60000',
    decode: decodeBuckets,
  }),
  HOLDFAST_METRICS_EXTRA_LABELS: setting({
    allowed: `comma-separated METRIC.LABEL=$VARIABLE, METRIC one of ${[...OWN_LABELS.keys()].join(', ')}`,
    default: '',
    decode: decodeExtraLabels,
  }),
  HOLDFAST_ACCESS_LOG: setting({
    allowed: 'off, stdout, or a file',
    default: 'off',
    decode: (text) => (text === 'off' || text === 'stdout' ? text : resolve(text)),
  }),
  HOLDFAST_ACCESS_LOG_FORMAT: setting({
    allowed: 'a text with variables such as $status',
    default: ACCESS_LOG_FORMAT,
    decode: (text) => text,
  }),
  HOLDFAST_ACCESS_LOG_ESCAPE: choice(ESCAPES, 'default'),
}

/** What `toMetricSettings` needs of the decoded settings. */
interface MetricValues {
  HOLDFAST_METRICS_MAX_SERIES: number
  HOLDFAST_METRICS_EXPIRE_MS: number
  HOLDFAST_METRICS_LATENCY_BUCKETS: readonly number[]
  HOLDFAST_METRICS_EXTRA_LABELS: Readonly<Record<string, readonly ExtraLabel[]>>
}

export function toMetricSettings(values: MetricValues): MetricSettings {
  return {
    maxSeries: values.HOLDFAST_METRICS_MAX_SERIES,
    expireMs: values.HOLDFAST_METRICS_EXPIRE_MS,
    latencyBuckets: values.HOLDFAST_METRICS_LATENCY_BUCKETS,
    extraLabels: values.HOLDFAST_METRICS_EXTRA_LABELS,
  }
}

/** Undefined: no access log. */
export function toAccessLogSettings(values: {
  HOLDFAST_ACCESS_LOG: string
  HOLDFAST_ACCESS_LOG_FORMAT: string
  HOLDFAST_ACCESS_LOG_ESCAPE: AccessLogSettings['escape']
}): AccessLogSettings | undefined {
  const { HOLDFAST_ACCESS_LOG: to } = values
  if (to === 'off') return undefined
  return {
    path: to === 'stdout' ? undefined : to,
    format: values.HOLDFAST_ACCESS_LOG_FORMAT,
    escape: values.HOLDFAST_ACCESS_LOG_ESCAPE,
  }
}

function decodeBuckets(text: string): number[] {
  const bounds = text.split(',').map((part) => {
    if (!/^\s*\d{1,9}(?:\.\d{1,6})?\s*$/.test(part))
      throw new Error('has something that is no number')
    return Number(part)
  })
  if (bounds.length > MAX_BUCKETS) throw new Error('has too many')
  if (bounds.some((bound, i) => i > 0 && bound <= (bounds[i - 1] as number))) {
    throw new Error('does not grow')
  }
  return bounds
}

function decodeExtraLabels(text: string): Record<string, ExtraLabel[]> {
  const labels: Record<string, ExtraLabel[]> = {}
  for (const part of text.split(',').filter((one) => one.trim() !== '')) {
    const match = /^\s*(\w+)\.([A-Za-z_]\w{0,63})=(\$[\w.]{1,128})\s*$/.exec(part)
    const [, metric = '', name = '', template = ''] = match ?? []
    if (match === null || name.startsWith('__')) throw new Error('is not METRIC.LABEL=$VARIABLE')
    const own = OWN_LABELS.get(metric)
    if (own === undefined) throw new Error('names a metric that can have no further labels')
    const more = labels[metric] ?? []
    const isTaken = own.includes(name) || more.some((label) => label.name === name)
    if (isTaken || name === 'le') throw new Error('names a label that the metric has already')
    labels[metric] = [...more, { name, template }]
  }
  return labels
}
