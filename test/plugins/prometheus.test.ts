import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { ExtraLabel } from '../../src/model/metrics.ts'
import type { ConsumerFacts, RouteFacts } from '../../src/model/request-context.ts'
import prometheus from '../../src/plugins/prometheus.ts'
import { createPluginRegistry } from '../../src/plugins/registry.ts'
import { tryPlugins } from '../../src/plugins/try-plugins.ts'
import { createMetricRig } from '../helpers/metrics.ts'
import { configure } from '../helpers/plugin-harness.ts'
import { type RequestFacts, requestContext } from '../helpers/request-context.ts'

const ROUTE: RouteFacts = {
  id: 'r1',
  name: 'users',
  uri: '/users/*',
  host: 'a.com',
  labels: undefined,
  serviceId: 's1',
  serviceName: 'people',
}
const CONSUMER = { username: 'jack' } as ConsumerFacts
const UPSTREAM = {
  nodes: ['10.0.0.1:80'],
  statuses: [200],
  headerMs: 4,
  responseMs: 5,
  bytesReceived: 3,
}
const PASSED: RequestFacts = {
  route: ROUTE,
  consumer: CONSUMER,
  status: 200,
  upstream: UPSTREAM,
  answeredByNode: true,
  requestLength: 100,
  headBytesSent: 40,
  bytesSent: 2,
}
const METADATA = {}

/** Lines of the metrics after these requests, without those of buckets. */
function count(
  requests: readonly RequestFacts[],
  { config = {}, metadata = METADATA as Record<string, unknown>, extra = {} } = {},
): string[] {
  const rig = createMetricRig({ extraLabels: extra as Record<string, ExtraLabel[]> })
  const host = { metrics: rig.book, metadata: () => metadata }
  const instance = configure(prometheus, config, host)
  for (const facts of requests) instance.log?.(requestContext(facts))
  return rig.lines().filter((line) => !line.includes('_bucket') && !line.includes('_sum'))
}

suite('prometheus', () => {
  test('counts statuses, latencies and bytes by route, service, consumer and node', () => {
    const common = 'route="r1",service="s1",consumer="jack",node="10.0.0.1"'
    const models = 'request_type="traditional_http",request_llm_model="",llm_model=""'
    assert.deepEqual(count([PASSED, PASSED]), [
      'apisix_http_status{code="200",route="r1",matched_uri="/users/*",matched_host="a.com",' +
        `service="s1",consumer="jack",node="10.0.0.1",${models},response_source="upstream"} 2`,
      `apisix_http_latency_count{type="request",${common},${models}} 2`,
      `apisix_http_latency_count{type="upstream",${common},${models}} 2`,
      `apisix_http_latency_count{type="apisix",${common},${models}} 2`,
      `apisix_bandwidth{type="ingress",${common},${models}} 200`,
      `apisix_bandwidth{type="egress",${common},${models}} 84`,
    ])
  })

  const none = {
    nodes: [],
    statuses: [],
    headerMs: undefined,
    responseMs: undefined,
    bytesReceived: 0,
  }
  const cases = [
    {
      name: 'no route',
      facts: { status: 404, upstream: none },
      line: /code="404",route="",.*node="",.*response_source="apisix"/,
    },
    { name: 'the client left', facts: { status: 0, upstream: none }, line: /code="499"/ },
    {
      name: 'the node failed',
      facts: { ...PASSED, status: 502, answeredByNode: false },
      line: /code="502".*response_source="nginx"/,
    },
    {
      name: 'an IPv6 node',
      facts: { ...PASSED, upstream: { ...UPSTREAM, nodes: ['[fd00::1]:80'] } },
      line: /node="fd00::1"/,
    },
    {
      name: 'names preferred',
      config: { prefer_name: true },
      facts: PASSED,
      line: /route="users",.*service="people"/,
    },
    {
      name: 'names preferred, but none',
      config: { prefer_name: true },
      facts: { ...PASSED, route: { ...ROUTE, name: undefined, serviceName: undefined } },
      line: /route="r1",.*service="s1"/,
    },
    {
      name: 'labels disabled',
      metadata: { disabled_labels: { http_status: ['node', 'consumer'] } },
      facts: PASSED,
      line: /route="r1".*consumer="",node="",/,
    },
  ]
  for (const { name, facts, line, config = {}, metadata = METADATA } of cases) {
    test(`labels: ${name}`, () => {
      const [status] = count([facts as RequestFacts], { config, metadata })
      assert.match(status ?? '', line)
    })
  }

  test('without an answer of a node there is no latency of it', () => {
    const lines = count([{ status: 404, upstream: none }])
    assert.ok(!lines.some((line) => line.includes('type="upstream"')))
  })

  test('extra labels, their values cut short', () => {
    const extra = { bandwidth: [{ name: 'who', template: '$http_who' }] }
    const facts = { ...PASSED, headers: ['who', 'x'.repeat(500)] }
    const lines = count([facts, { ...PASSED, headers: ['who', 'b'] }], { extra })
    assert.ok(lines.some((line) => line.endsWith(`who="${'x'.repeat(128)}"} 100`)))
    assert.ok(lines.some((line) => line.endsWith('who="b"} 100')))
  })

  test('metadata that change are followed', () => {
    const rig = createMetricRig()
    let metadata: Record<string, unknown> = {}
    const instance = configure(prometheus, {}, { metrics: rig.book, metadata: () => metadata })
    instance.log?.(requestContext(PASSED))
    metadata = { disabled_labels: { bandwidth: ['node'] } }
    instance.log?.(requestContext(PASSED))
    const lines = rig.lines().filter((line) => line.includes('type="egress"'))
    assert.deepEqual(
      lines.map((line) => /node="([^"]*)"/.exec(line)?.[1]),
      ['10.0.0.1', ''],
    )
  })

  test('a route of another revision is counted in the same series', () => {
    const lines = count([PASSED, { ...PASSED, route: { ...ROUTE } }])
    assert.match(lines[0] ?? '', / 2$/)
  })

  test('series that the book has forgotten are looked up anew', () => {
    const rig = createMetricRig()
    const instance = configure(prometheus, {}, { metrics: rig.book, metadata: () => METADATA })
    instance.log?.(requestContext(PASSED))
    rig.flush()
    rig.pass(61_000)
    rig.flush()
    instance.log?.(requestContext(PASSED))
    assert.match(rig.lines()[0] ?? '', / 2$/)
  })

  test('is tried out by the Admin API without effect', () => {
    const registry = createPluginRegistry([])
    registry.configure([prometheus], undefined)
    assert.equal(
      tryPlugins(registry, 'routes', { id: '1', plugins: { prometheus: {} } }),
      undefined,
    )
  })
})
