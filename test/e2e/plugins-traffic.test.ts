import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { startPluginStack } from '../helpers/plugin-stack.ts'
import { until } from '../helpers/stack.ts'
import { startNode } from '../helpers/upstream-node.ts'

test('traffic plugins on two workers', async (t) => {
  const { route, put, call, upstream, refusal } = await startPluginStack(t)

  await t.test('request-id reaches the node and the client', async () => {
    await route('id', { 'request-id': {} })
    const made = await call('/id/')
    assert.match(String(made.headers['x-request-id']), /^[0-9a-f-]{36}$/)
    assert.equal(made.json.headers['x-request-id'], made.headers['x-request-id'])
    const kept = await call('/id/', { headers: { 'X-Request-ID': 'mine' } })
    assert.equal(kept.headers['x-request-id'], 'mine')
  })

  await t.test('real-ip decides what later plugins and the node see', async () => {
    const plugins = { 'real-ip': { source: 'arg_ip', trusted_addresses: ['127.0.0.0/24'] } }
    await route('ip', plugins)
    const answer = await call('/ip/?ip=203.0.113.7')
    assert.equal(answer.json.headers['x-real-ip'], '203.0.113.7')
    assert.equal(answer.json.headers['x-forwarded-for'], '203.0.113.7')
  })

  await t.test('client-control limits bodies, announced or not', async () => {
    await route('limit', { 'client-control': { max_body_size: 10 } })
    const post = (body: string, headers = {}) => call('/limit/', { method: 'POST', body, headers })
    assert.equal((await post('0123456789')).status, 200)
    assert.equal((await post('0123456789a')).status, 413)
    const chunked = { 'transfer-encoding': 'chunked' }
    assert.equal((await post('0123456789', chunked)).status, 200)
    assert.equal((await post('0123456789a', chunked)).status, 413)
  })

  await t.test('fault-injection delays and aborts', async () => {
    const abort = { http_status: 418, body: 'no $arg_who', vars: [[['arg_who', 'has', 'a']]] }
    await route('fault', {
      'fault-injection': {
        abort: { ...abort, vars: [[['arg_who', '~~', '^a']]] },
        delay: { duration: 0.1 },
      },
    })
    const startedAt = performance.now()
    const aborted = await call('/fault/?who=ann')
    assert.ok(performance.now() - startedAt >= 99)
    assert.deepEqual([aborted.status, aborted.text], [418, 'no ann'])
    assert.equal((await call('/fault/?who=bob')).status, 200)
  })

  await t.test(
    'traffic-split sends a share elsewhere, and follows the upstream object',
    async () => {
      const canary = await startNode(t, 'canary')
      const second = await startNode(t, 'second')
      await put('/upstreams/canary', { type: 'roundrobin', nodes: { [canary.address]: 1 } })
      const weighted = [{ upstream_id: 'canary', weight: 1 }, { weight: 1 }]
      await route('split', { 'traffic-split': { rules: [{ weighted_upstreams: weighted }] } })
      let elsewhere = 0
      for (let i = 0; i < 20; i++) if ((await call('/split/')).json.node === 'canary') elsewhere++
      assert.ok(elsewhere >= 9 && elsewhere <= 11, `${elsewhere} of 20`)
      await put('/upstreams/canary', { type: 'roundrobin', nodes: { [second.address]: 1 } })
      const match = [{ vars: [['http_x_release', '==', 'green']] }]
      const green = { type: 'roundrobin', nodes: { [canary.address]: 1 } }
      await route('split', {
        'traffic-split': {
          rules: [
            { match, weighted_upstreams: [{ upstream: green }] },
            { weighted_upstreams: [{ upstream_id: 'canary' }] },
          ],
        },
      })
      assert.equal(
        (await call('/split/', { headers: { 'x-release': 'green' } })).json.node,
        'canary',
      )
      assert.equal((await call('/split/')).json.node, 'second')
      const bad = {
        'traffic-split': {
          rules: [{ weighted_upstreams: [{ upstream: { type: 'no', nodes: {} } }] }],
        },
      }
      assert.match(
        await refusal('/routes/bad', { uri: '/bad', upstream, plugins: bad }),
        /traffic-split/,
      )
    },
  )

  await t.test('conditions, keys and texts look into the body, which the node gets', async () => {
    const other = await startNode(t, 'other')
    const nodes = { type: 'roundrobin', nodes: { [other.address]: 1 } }
    const match = [{ vars: [['post_arg_id', '==', '1']] }]
    const rejected = { count: 1, time_window: 60, rejected_code: 429 }
    await route('form', {
      'traffic-split': { rules: [{ match, weighted_upstreams: [{ upstream: nodes }] }] },
      'limit-count': { ...rejected, key: '$post_arg_user', key_type: 'var_combination' },
      'response-rewrite': { headers: { set: { 'X-User': '$post_arg_user' } } },
      'fault-injection': { abort: { http_status: 418, vars: [[['post_arg_id', '==', '9']]] } },
    })
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const post = (body: string) => call('/form/', { method: 'POST', body, headers })
    const first = await post('id=1&user=ann')
    assert.deepEqual([first.json.node, first.headers['x-user']], ['other', 'ann'])
    assert.equal((await post('id=2&user=bob')).json.body, 'id=2&user=bob')
    assert.equal((await post('id=2&user=ann')).status, 429)
    assert.equal((await post('id=9&user=cid')).status, 418)
  })

  await t.test('proxy-mirror copies requests; a dead or slow mirror delays nobody', async () => {
    const seen: { method?: string; url?: string; body: string; host?: string }[] = []
    const mirror = createServer((request: IncomingMessage) => {
      let body = ''
      request.on('data', (chunk) => {
        body += chunk
      })
      request.on('end', () => {
        const { method = '', url = '', headers } = request
        seen.push({ method, url, body, host: headers.host ?? '' })
      })
    }).listen(0, '127.0.0.1')
    await once(mirror, 'listening')
    t.after(() => {
      mirror.close()
      mirror.closeAllConnections()
    })
    const { port } = mirror.address() as AddressInfo
    await route('mirror', { 'proxy-mirror': { host: `http://127.0.0.1:${port}` } })
    const headers = { host: 'shop.example' }
    assert.equal(
      (await call('/mirror/a?b=c', { method: 'POST', body: 'hello', headers })).json.body,
      'hello',
    )
    await until(() => seen.length === 1)
    assert.deepEqual(seen, [
      { method: 'POST', url: '/mirror/a?b=c', body: 'hello', host: 'shop.example' },
    ])
    await route('mirror', { 'proxy-mirror': { host: 'http://127.0.0.1:1' } })
    assert.equal((await call('/mirror/a')).status, 200)
  })
})
