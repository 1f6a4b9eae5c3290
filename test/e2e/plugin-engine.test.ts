import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { startPluginStack } from '../helpers/plugin-stack.ts'
import { until } from '../helpers/stack.ts'

const HOUSE_PLUGINS = join(import.meta.dirname, '../helpers/house-plugins.js')

test('plugins in a running gateway', async (t) => {
  const stack = await startPluginStack(t, { HOLDFAST_PLUGINS: HOUSE_PLUGINS })
  const { control, gateway, put, refusal, route, call, upstream } = stack

  await t.test('phases run in order, around the node', async () => {
    await route('phases', { trace: {} })
    const answer = await call('/phases/a')
    assert.equal(answer.json.headers['x-trace'], 'T:rewrite T:access T:beforeProxy')
    assert.equal(answer.headers['x-trace'], 'T:rewrite T:access T:beforeProxy T:headerFilter')
  })

  await t.test('the route precedes its plugin_config, which precedes its service', async () => {
    await put('/services/s', {
      upstream,
      plugins: { trace: { tag: 'service' }, answer: { status: 201 } },
    })
    await put('/plugin_configs/p', { plugins: { trace: { tag: 'config' } } })
    const more = { service_id: 's', plugin_config_id: 'p' }
    await put('/routes/precedence', { uri: '/precedence', ...more })
    const merged = await call('/precedence')
    assert.equal(merged.status, 201)
    assert.match(
      String(merged.headers['x-trace']),
      /^config:rewrite config:access config:headerFilter/,
    )
    await put('/plugin_configs/p', { plugins: { trace: { tag: 'changed' } } })
    assert.match(String((await call('/precedence')).headers['x-trace']), /^changed:rewrite/)
    await put('/routes/precedence', {
      uri: '/precedence',
      ...more,
      plugins: { trace: { tag: 'own' } },
    })
    assert.match(String((await call('/precedence')).headers['x-trace']), /^own:rewrite/)
    await put('/services/s', { upstream, plugins: { answer: { status: 202 } } })
    assert.equal((await call('/precedence')).status, 202)
  })

  await t.test('consumers bring plugins, over those of their group and of the route', async () => {
    await put('/consumer_groups/g', { plugins: { trace: { tag: 'group' } } })
    await put('/consumers', { username: 'ann', group_id: 'g', plugins: { badge: { id: 'b1' } } })
    await put('/consumers', {
      username: 'bob',
      group_id: 'g',
      labels: { custom_id: '42' },
      plugins: { trace: { tag: 'bob' } },
    })
    await put('/consumers/bob/credentials/c1', { plugins: { badge: { id: 'b2' } } })
    await route('club', { badge: {} })
    assert.equal((await call('/club/')).status, 401)
    const ann = await call('/club/', {
      headers: { 'x-badge': 'b1', 'x-credential-identifier': 'x' },
    })
    assert.equal(ann.json.headers['x-consumer-username'], 'ann')
    assert.equal(ann.json.headers['x-credential-identifier'], undefined)
    assert.match(String(ann.headers['x-trace']), /^group:rewrite group:access/)
    const bob = await call('/club/', { headers: { 'x-badge': 'b2' } })
    assert.equal(bob.json.headers['x-consumer-username'], 'bob')
    assert.equal(bob.json.headers['x-credential-identifier'], 'c1')
    assert.equal(bob.json.headers['x-consumer-custom-id'], '42')
    assert.match(String(bob.headers['x-trace']), /^bob:rewrite bob:access/)
    const stored = await control.admin('DELETE', '/consumers/bob/credentials/c1?wait=all')
    assert.equal(stored.status, 200)
    assert.equal((await call('/club/', { headers: { 'x-badge': 'b2' } })).status, 401)
  })

  await t.test('_meta disables, reorders, filters and words the error', async () => {
    await put('/services/meta', { upstream, plugins: { answer: { status: 418 } } })
    const more = { service_id: 'meta' }
    await route('meta', { answer: { _meta: { disable: true } } }, more)
    assert.equal((await call('/meta/')).status, 200)
    const filter = [['arg_a', '==', '1']]
    await route('meta', {
      answer: {
        status: 403,
        body: 'secret reason',
        _meta: { filter, error_response: { message: 'no' } },
      },
    })
    assert.equal((await call('/meta/?a=2')).status, 200)
    const filtered = await call('/meta/?a=1')
    assert.deepEqual([filtered.status, filtered.json], [403, { message: 'no' }])
    const order = { trace: {}, answer: { status: 200, _meta: { priority: 101 } } }
    await route('meta', order)
    assert.equal((await call('/meta/')).headers['x-trace'], 'T:rewrite T:headerFilter')
  })

  await t.test('replies come as text, JSON and later, with headers', async () => {
    await route('reply', { answer: { body: { a: 1 }, late: true, headers: { 'x-a': ['1', '2'] } } })
    const answer = await call('/reply/')
    assert.deepEqual(answer.json, { a: 1 })
    assert.match(String(answer.headers['content-type']), /application\/json/)
    assert.equal(answer.headers['x-a'], '1, 2')
    await route('reply', { answer: { status: 503 } })
    assert.deepEqual((await call('/reply/')).json, { error_msg: '503 Service Unavailable' })
  })

  await t.test('bodies are changed in pieces, late and whole, both ways', async () => {
    await route('shout', { shout: {} })
    assert.match((await call('/shout/x')).text, /"URL":"\/SHOUT\/X".*!$/)
    await route('shout', { shout: { late: true } })
    assert.match((await call('/shout/x')).text, /"URL":"\/SHOUT\/X".*!$/)
    await route('shout', { shout: { whole: true } })
    const replaced = await call('/shout/')
    assert.deepEqual([replaced.text, replaced.headers['content-length']], ['REPLACED', '8'])
    assert.equal((await call('/shout/', { method: 'HEAD' })).headers['content-length'], '8')
    await route('shout', { shout: { request: true, limit: 10 } })
    const sent = await call('/shout/', { method: 'POST', body: 'hello' })
    assert.equal(sent.json.body, 'HELLO')
    const large = await call('/shout/', { method: 'POST', body: 'hello, hello' })
    assert.equal(large.status, 413)
  })

  await t.test('global rules run first, also for requests without a route', async () => {
    await put('/global_rules/1', { plugins: { trace: { tag: 'G' } } })
    await route('global', { trace: { tag: 'R' } })
    const answer = await call('/global/')
    assert.equal(
      answer.headers['x-trace'],
      [
        'G:rewrite R:rewrite G:access R:access G:beforeProxy R:beforeProxy G:headerFilter',
        'G:rewrite R:rewrite G:access R:access G:beforeProxy R:beforeProxy G:headerFilter R:headerFilter',
      ].join(', '),
    )
    const unrouted = await call('/nowhere')
    assert.equal(unrouted.status, 404)
    assert.equal(unrouted.headers['x-trace'], 'G:rewrite G:access G:headerFilter')
    await control.admin('DELETE', '/global_rules/1?wait=all')
    assert.equal((await call('/nowhere')).headers['x-trace'], undefined)
  })

  await t.test('a plugin that throws fails its request alone', async () => {
    for (const phase of ['rewrite', 'access', 'headerFilter', 'bodyFilter', 'log']) {
      await route('faulty', { faulty: { phase } })
      assert.equal((await call('/faulty/')).status, phase === 'log' ? 200 : 500, phase)
    }
    await route('faulty', { faulty: { phase: 'access', late: true } })
    assert.equal((await call('/faulty/')).status, 500)
    const line = await gateway.waitForLog('plugin failed')
    assert.equal(line['plugin'], 'faulty')
    assert.equal(line['routeId'], 'faulty')
    assert.match(String(line['requestId']), /^[0-9a-f]{32}$/)
    await until(async () => {
      const metrics = await (await fetch(`${gateway.metricsUrl}/metrics`)).text()
      return /holdfast_plugin_errors_total\{plugin="faulty"\} 6/.test(metrics)
    })
    assert.equal((await call('/bare/')).status, 200)
  })

  await t.test('what create refuses is refused when it is written', async () => {
    const plugins = { faulty: { phase: 'create' } }
    const message = await refusal('/routes/refused', { uri: '/refused', upstream, plugins })
    assert.match(message, /plugin faulty err: this configuration makes no sense/)
    assert.match(
      await refusal('/routes/refused', { uri: '/refused', upstream, plugins: { nobody: {} } }),
      /unknown plugin \[nobody\]/,
    )
  })
})
