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
    { kind: 'upstreams', body: { ...upstream, scheme: 'grpc' }, field: 'scheme' },
    {
      kind: 'services',
      body: { upstream: { ...upstream, scheme: 'grpc' } },
      field: 'upstream.scheme',
    },
  ] as const
  for (const { kind, body, field } of refused) {
    test(`refuses ${field} of ${kind}, which nothing would heed`, () => {
      const decoded = servedResources.decode(kind, body)
      assert.equal(decoded.ok, false)
      assert.match(decoded.ok ? '' : decoded.reason, new RegExp(`"${field}" asks for`))
    })
  }

  const badConditions = [
    { vars: [['arg_a', '~~', '(']], reason: /'vars' expression: regular expression/ },
    { vars: [['arg_a', '~~', '(a+)\\1']], reason: /back-references/ },
    { vars: [['remote_addr', 'ipmatch', ['10.0.0.0/40']]], reason: /invalid ip address or CIDR/ },
    { vars: [['post_arg.a[?(@.b)]', '==', 'c']], reason: /is no path/ },
  ]
  for (const { vars, reason } of badConditions) {
    test(`refuses ${JSON.stringify(vars)}, which can't be compiled`, () => {
      const decoded = servedResources.decode('routes', { uri: '/a', upstream, vars })
      assert.match(decoded.ok ? '' : decoded.reason, reason)
    })
  }

  test('still says first what breaks the schema', () => {
    const decoded = servedResources.decode('upstreams', { ...upstream, type: 'bogus' })
    assert.match(decoded.ok ? '' : decoded.reason, /"type" validation failed/)
  })
})
