import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { Type } from '../../src/model/schema-builder.ts'
import { loadSettings } from '../../src/settings/load-settings.ts'
import {
  OBSERVABILITY_CATALOGUE,
  toAccessLogSettings,
  toMetricSettings,
} from '../../src/settings/observability-settings.ts'

function load(env: Record<string, string>) {
  const source = { env: { HOLDFAST_ENV_FILE: '/dev/null', ...env } }
  const { values } = loadSettings(Type.Object(OBSERVABILITY_CATALOGUE), source)
  return { metrics: toMetricSettings(values), accessLog: toAccessLogSettings(values) }
}

suite('settings of metrics and the access log', () => {
  test('no access log unless asked for', () => {
    const { metrics, accessLog } = load({})
    assert.equal(accessLog, undefined)
    assert.deepEqual(metrics.extraLabels, {})
    assert.equal(metrics.latencyBuckets.at(-1), 60_000)
  })

  test('stdout, or a file by its absolute path', () => {
    assert.equal(load({ HOLDFAST_ACCESS_LOG: 'stdout' }).accessLog?.path, undefined)
    const { accessLog } = load({ HOLDFAST_ACCESS_LOG: 'a.log', HOLDFAST_ACCESS_LOG_ESCAPE: 'json' })
    assert.deepEqual([accessLog?.path, accessLog?.escape], [`${process.cwd()}/a.log`, 'json'])
  })

  test('extra labels by metric', () => {
    const text = 'http_status.upstream=$upstream_addr, bandwidth.a=$arg_a,bandwidth.b=$arg_b'
    const { metrics } = load({ HOLDFAST_METRICS_EXTRA_LABELS: text })
    assert.deepEqual(metrics.extraLabels, {
      http_status: [{ name: 'upstream', template: '$upstream_addr' }],
      bandwidth: [
        { name: 'a', template: '$arg_a' },
        { name: 'b', template: '$arg_b' },
      ],
    })
  })

  const refused: [name: string, value: string][] = [
    ['HOLDFAST_METRICS_LATENCY_BUCKETS', '1,1'],
    ['HOLDFAST_METRICS_LATENCY_BUCKETS', '1,x'],
    ['HOLDFAST_METRICS_EXTRA_LABELS', 'etcd_reachable.a=$b'],
    ['HOLDFAST_METRICS_EXTRA_LABELS', 'http_status.a=b'],
    ['HOLDFAST_METRICS_EXTRA_LABELS', 'http_status.__name=$b'],
    ['HOLDFAST_METRICS_EXTRA_LABELS', 'http_status.a"=$b'],
    ['HOLDFAST_METRICS_EXTRA_LABELS', 'http_status.code=$b'],
    ['HOLDFAST_METRICS_EXTRA_LABELS', 'bandwidth.a=$b,bandwidth.a=$c'],
    ['HOLDFAST_METRICS_EXTRA_LABELS', 'http_latency.le=$b'],
    ['HOLDFAST_METRICS_MAX_SERIES', '10'],
    ['HOLDFAST_ACCESS_LOG_ESCAPE', 'html'],
  ]
  for (const [name, value] of refused) {
    test(`${name}=${value} is refused`, () => {
      assert.throws(() => load({ [name]: value }), new RegExp(name))
    })
  }
})
