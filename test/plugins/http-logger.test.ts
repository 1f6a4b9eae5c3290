import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { OutboundRequest, PluginHost } from '../../src/plugins/contract.ts'
import httpLogger from '../../src/plugins/http-logger.ts'
import { configure, createRequest } from '../helpers/plugin-harness.ts'

const URI = 'http://logs.example:8080/in?a=1'

/** What a receiver gets of these requests. */
function send(config: Record<string, unknown>, targets: readonly string[]): OutboundRequest[] {
  const sent: OutboundRequest[] = []
  const http: PluginHost['http'] = {
    send(request) {
      sent.push(request)
      return Promise.resolve({ status: 200, headers: {}, body: Buffer.alloc(0) })
    },
  }
  const instance = configure(
    httpLogger,
    { uri: URI, log_format: { t: '$real_request_uri' }, ...config },
    { http },
  )
  for (const target of targets) instance.log?.(createRequest({ target }))
  instance.stop?.()
  return sent
}

suite('http-logger', () => {
  const cases = [
    {
      name: 'a JSON array',
      config: {},
      targets: ['/a', '/b'],
      type: 'application/json',
      bodies: ['[{"t":"/a","route_id":"r1"},{"t":"/b","route_id":"r1"}]'],
    },
    {
      name: 'one alone is an array too',
      config: {},
      targets: ['/a'],
      type: 'application/json',
      bodies: ['[{"t":"/a","route_id":"r1"}]'],
    },
    {
      name: 'but not in batches of one',
      config: { batch_max_size: 1 },
      targets: ['/a', '/b'],
      type: 'application/json',
      bodies: ['{"t":"/a","route_id":"r1"}', '{"t":"/b","route_id":"r1"}'],
    },
    {
      name: 'lines',
      config: { concat_method: 'new_line' },
      targets: ['/a', '/b'],
      type: 'text/plain',
      bodies: ['{"t":"/a","route_id":"r1"}\n{"t":"/b","route_id":"r1"}'],
    },
  ]
  for (const { name, config, targets, type, bodies } of cases) {
    test(`sends ${name}`, () => {
      const sent = send(config, targets)
      assert.deepEqual(
        sent.map(({ body }) => body),
        bodies,
      )
      assert.deepEqual(sent[0]?.headers, { 'content-type': type })
      assert.deepEqual(
        [sent[0]?.url, sent[0]?.method, sent[0]?.timeoutMs, sent[0]?.verifyTls],
        [URI, 'POST', 3_000, false],
      )
    })
  }

  test('credentials, time-out and verification as configured', () => {
    const [sent] = send({ auth_header: 'Basic x', timeout: 7, ssl_verify: true }, ['/'])
    assert.deepEqual(sent?.headers, {
      'content-type': 'application/json',
      authorization: 'Basic x',
    })
    assert.deepEqual([sent?.timeoutMs, sent?.verifyTls], [7_000, true])
  })

  test('a request without route has an entry that says so', () => {
    const sent: unknown[] = []
    const http: PluginHost['http'] = {
      send(request) {
        sent.push(...JSON.parse(String(request.body)))
        return Promise.resolve({ status: 200, headers: {}, body: Buffer.alloc(0) })
      },
    }
    const instance = configure(httpLogger, { uri: URI }, { http })
    const request = createRequest({ headers: ['host', 'a.com'] })
    request.plan = undefined
    instance.log?.(request)
    instance.stop?.()
    const [entry] = sent as Record<string, unknown>[]
    assert.deepEqual([entry?.['route_id'], entry?.['service_id']], ['no-matched', 'a.com'])
  })

  test('max_pending_entries of the metadata bounds what waits', () => {
    const sent: string[] = []
    const http: PluginHost['http'] = {
      send(request) {
        sent.push(String(request.body))
        return new Promise(() => {})
      },
    }
    const metadata = () => ({ max_pending_entries: 2 })
    const config = { uri: URI, batch_max_size: 1, log_format: { a: 1 } }
    const instance = configure(httpLogger, config, { http, metadata })
    for (let i = 0; i < 5; i++) instance.log?.(createRequest())
    assert.equal(sent.length, 2)
  })

  const refused = [
    { name: 'another scheme', config: { uri: 'tcp://a.com' }, message: /http:\/\/ or https/ },
    { name: 'user information', config: { uri: 'http://a:b@c.com/' }, message: /user information/ },
    {
      name: 'a line break in a field',
      config: { auth_header: 'a\r\nb: c' },
      message: /auth_header/,
    },
    {
      name: 'a bad condition',
      config: { include_req_body_expr: [['a', '<>', 1]] },
      message: /'include_req_body_expr'/,
    },
  ]
  for (const { name, config, message } of refused) {
    test(`refuses ${name}`, () => {
      assert.throws(() => configure(httpLogger, { uri: URI, ...config }), message)
    })
  }
})
