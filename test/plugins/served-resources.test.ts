import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { servedResources } from '../../src/plugins/served-resources.ts'

const upstream = { type: 'roundrobin', nodes: { '127.0.0.1:80': 1 } }

suite('servedResources', () => {
  test('accepts what is served', () => {
    const decoded = servedResources.decode('routes', { uri: '/a', upstream })
    assert.ok(decoded.ok)
  })

  const refused = [
    { kind: 'routes', body: { uri: '/a', upstream, vars: [['arg_a', '==', 'b']] }, field: 'vars' },
    { kind: 'routes', body: { uri: '/a', upstream, remote_addr: '::1' }, field: 'remote_addr' },
    { kind: 'upstreams', body: { ...upstream, type: 'ewma' }, field: 'type' },
    { kind: 'upstreams', body: { ...upstream, scheme: 'grpc' }, field: 'scheme' },
    {
      kind: 'services',
      body: { upstream: { ...upstream, retry_timeout: 1 } },
      field: 'upstream.retry_timeout',
    },
  ] as const
  for (const { kind, body, field } of refused) {
    test(`refuses ${field} of ${kind}, which nothing would heed`, () => {
      const decoded = servedResources.decode(kind, body)
      assert.equal(decoded.ok, false)
      assert.match(decoded.ok ? '' : decoded.reason, new RegExp(`"${field}" asks for`))
    })
  }

  test('still says first what breaks the schema', () => {
    const decoded = servedResources.decode('upstreams', { ...upstream, type: 'bogus' })
    assert.match(decoded.ok ? '' : decoded.reason, /"type" validation failed/)
  })
})
