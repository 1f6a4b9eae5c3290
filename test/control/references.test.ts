import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createResourceValidator } from '../../src/support/validate-resource.ts'
import { certificateFor } from '../model/schemas/certificates.ts'
import { startAdminApi } from './admin-client.ts'

const validator = createResourceValidator(() => ({ schema: {}, consumerSchema: {} }))
const upstream = { nodes: { '127.0.0.1:1980': 1 } }
const { cert, key } = certificateFor('a.test')
const split = (weighted: object) => ({
  'traffic-split': { rules: [{ weighted_upstreams: [weighted, { weight: 1 }] }] },
})
const superior = { protocol: { name: 'redis' } }

interface Case {
  /** The object that is referred to, and what it is called in messages. */
  target: [path: string, body: object, label: string]
  referrer: [path: string, body: object]
  inUse: string
}

const CASES: Case[] = [
  {
    target: ['/upstreams/t', upstream, 'upstream'],
    referrer: ['/routes/r', { uri: '/', upstream_id: 't' }],
    inUse: 'can not delete this upstream, route [r] is still using it now',
  },
  {
    target: ['/upstreams/t', upstream, 'upstream'],
    referrer: ['/services/s', { upstream_id: 't' }],
    inUse: 'can not delete this upstream, service [s] is still using it now',
  },
  {
    target: ['/upstreams/t', upstream, 'upstream'],
    referrer: ['/stream_routes/s', { upstream_id: 't' }],
    inUse: 'can not delete this upstream, stream route [s] is still using it now',
  },
  {
    target: ['/upstreams/7', upstream, 'upstream'],
    referrer: ['/plugin_configs/p', { plugins: split({ upstream_id: 7 }) }],
    inUse: 'can not delete this upstream, plugin in plugin config [p] is still using it now',
  },
  {
    target: ['/upstreams/t', upstream, 'upstream'],
    referrer: ['/consumers/c', { username: 'c', plugins: split({ upstream_id: 't' }) }],
    inUse: 'can not delete this upstream, plugin in consumer [c] is still using it now',
  },
  {
    target: ['/services/t', {}, 'service'],
    referrer: ['/routes/r', { uri: '/', service_id: 't' }],
    inUse: 'can not delete this service directly, route [r] is still using it now',
  },
  {
    target: ['/services/t', {}, 'service'],
    referrer: ['/stream_routes/s', { service_id: 't' }],
    inUse: 'can not delete this service directly, stream route [s] is still using it now',
  },
  {
    target: ['/plugin_configs/t', { plugins: {} }, 'plugin config'],
    referrer: ['/routes/r', { uri: '/', upstream, plugin_config_id: 't' }],
    inUse: 'can not delete this plugin config, route [r] is still using it now',
  },
  {
    target: ['/consumer_groups/t', { plugins: {} }, 'consumer group'],
    referrer: ['/consumers/c', { username: 'c', group_id: 't' }],
    inUse: 'can not delete this consumer group, consumer [c] is still using it now',
  },
  {
    target: ['/ssls/t', { cert, key, type: 'client' }, 'ssl'],
    referrer: ['/upstreams/u', { ...upstream, tls: { client_cert_id: 't' } }],
    inUse: 'can not delete this ssl, upstream [u] is still using it now',
  },
  {
    target: ['/ssls/t', { cert, key, type: 'client' }, 'ssl'],
    referrer: ['/routes/r', { uri: '/', upstream: { ...upstream, tls: { client_cert_id: 't' } } }],
    inUse: 'can not delete this ssl, route [r] is still using it now',
  },
  {
    target: ['/protos/t', { content: 'syntax = "proto3";' }, 'proto'],
    referrer: ['/services/s', { plugins: { 'grpc-transcode': { proto_id: 't' } } }],
    inUse: 'can not delete this proto, service [s] is still using it now',
  },
  {
    target: ['/stream_routes/t', superior, 'stream route'],
    referrer: ['/stream_routes/s', { protocol: { name: 'redis', superior_id: 't' } }],
    inUse:
      'can not delete this stream route directly, stream route [s] is still using it as superior_id',
  },
]

suite('references of the Admin API', () => {
  test('hold when objects are written and deleted', async (t) => {
    const { send } = await startAdminApi(t, { validator })
    for (const { target, referrer, inUse } of CASES) {
      const [path, body, label] = target
      const id = path.split('/')[2]
      const dangling = await send('PUT', ...referrer)
      assert.equal(dangling.status, 400, inUse)
      const missing = `failed to fetch ${label} info by ${label} id [${id}], response code: 404`
      assert.deepEqual(dangling.body, { error_msg: missing })

      assert.equal((await send('PUT', path, body)).status, 201, inUse)
      assert.equal((await send('PUT', ...referrer)).status, 201, inUse)
      const refused = await send('DELETE', path)
      assert.equal(refused.status, 400)
      assert.deepEqual(refused.body, { error_msg: inUse })

      assert.equal((await send('DELETE', referrer[0])).status, 200)
      assert.equal((await send('DELETE', path)).status, 200)
    }
  })

  test('know what the target must be', async (t) => {
    const { send } = await startAdminApi(t, { validator })
    await send('PUT', '/ssls/t', { cert, key, sni: 'a.test' })
    const server = await send('PUT', '/upstreams/u', { ...upstream, tls: { client_cert_id: 't' } })
    assert.match(server.body.error_msg, /by ssl id \[t\], wrong ssl type$/)
    await send('PUT', '/stream_routes/1', superior)
    const other = { protocol: { name: 'dubbo', superior_id: 1 } }
    const mismatch = await send('PUT', '/stream_routes/2', other)
    assert.match(
      mismatch.body.error_msg,
      /subordinate protocol \[dubbo\] does not match .*\[redis\]/,
    )
  })

  test('keep a target what its referrers need', async (t) => {
    const { send } = await startAdminApi(t, { validator })
    const inBulk = (kind: string, id: string, body: object) =>
      send('POST', '/holdfast/v1/bulk', { changes: [{ op: 'put', kind, id, body }] })
    const client = { cert, key, type: 'client' }
    const tls = { client_cert_id: 't' }
    await send('PUT', '/ssls/t', client)
    await send('PUT', '/upstreams/u', { ...upstream, tls })
    const server = { cert, key, sni: 'a.test' }
    const reason = 'can not change this ssl, upstream [u] is still using it: wrong ssl type'
    assert.deepEqual((await send('PUT', '/ssls/t', server)).body, { error_msg: reason })
    assert.equal((await send('PATCH', '/ssls/t', { type: 'server', sni: 'b' })).status, 400)
    assert.equal((await inBulk('ssls', 't', server)).body.results[0].error, reason)
    assert.equal((await send('PUT', '/ssls/t', { ...client, labels: { a: 'b' } })).status, 200)

    // Both at once are fine: it is the outcome that counts.
    const changes = [
      { op: 'put', kind: 'ssls', id: 't', body: server },
      { op: 'put', kind: 'upstreams', id: 'u', body: upstream },
    ]
    const both = await send('POST', '/holdfast/v1/bulk', { changes })
    assert.equal(both.status, 200, JSON.stringify(both.body))

    await send('PUT', '/stream_routes/1', superior)
    await send('PUT', '/stream_routes/2', { protocol: { name: 'redis', superior_id: 1 } })
    const other = await send('PUT', '/stream_routes/1', { protocol: { name: 'dubbo' } })
    assert.match(other.body.error_msg, /^can not change this stream route, stream route \[2\]/)
  })
})
