import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startPluginStack } from '../helpers/plugin-stack.ts'

test('access plugins on two workers', async (t) => {
  const { route, put, call, refusal, upstream, control } = await startPluginStack(t)
  const statusOf = async (path: string, headers: Record<string, string> = {}) =>
    (await call(path, { headers })).status

  await t.test('ip-restriction, by the peer and by the address that real-ip takes', async () => {
    await route('ip', { 'ip-restriction': { blacklist: ['127.0.0.0/8'] } })
    const blocked = await call('/ip/')
    assert.deepEqual(
      [blocked.status, blocked.json],
      [403, { message: 'Your IP address is not allowed' }],
    )
    await route('ip', {
      'real-ip': { source: 'http_x_real_ip' },
      'ip-restriction': { whitelist: ['2001:db8::/32'] },
    })
    assert.equal(await statusOf('/ip/', { 'x-real-ip': '2001:db8::7' }), 200)
    assert.equal(await statusOf('/ip/', { 'x-real-ip': '2001:db9::7' }), 403)
  })

  await t.test('ua-restriction', async () => {
    await route('ua', { 'ua-restriction': { denylist: ['bad-bot/\\d+'] } })
    assert.equal(await statusOf('/ua/', { 'user-agent': 'good' }), 200)
    assert.equal(await statusOf('/ua/', { 'user-agent': 'bad-bot/2' }), 403)
    assert.equal(await statusOf('/ua/'), 403)
  })

  await t.test('referer-restriction', async () => {
    await route('ref', { 'referer-restriction': { whitelist: ['*.shop.example'] } })
    assert.equal(await statusOf('/ref/', { referer: 'https://www.shop.example/a' }), 200)
    assert.equal(await statusOf('/ref/', { referer: 'https://evil.example/' }), 403)
  })

  await t.test('uri-blocker sees through escapes', async () => {
    await route('block', { 'uri-blocker': { block_rules: ['/block/secret'] } })
    assert.equal(await statusOf('/block/open'), 200)
    assert.equal(await statusOf('/block/%73ecret'), 403)
    const bad = { uri: '/bad', upstream, plugins: { 'uri-blocker': { block_rules: ['('] } } }
    assert.match(await refusal('/routes/bad', bad), /uri-blocker/)
  })

  await t.test('cors: preflight, credentials, origins from metadata that changes', async () => {
    await put('/plugin_metadata/cors', { allow_origins: { shop: 'https://shop.example' } })
    const config = {
      allow_origins_by_metadata: ['shop'],
      allow_methods: 'GET',
      allow_headers: 'x-a',
    }
    await route('cors', {
      cors: { ...config, expose_headers: 'x-b', allow_origins: '**', allow_credential: true },
    })
    const preflight = await call('/cors/', {
      method: 'OPTIONS',
      headers: { origin: 'https://shop.example' },
    })
    assert.deepEqual([preflight.status, preflight.text], [200, ''])
    assert.equal(preflight.headers['access-control-allow-origin'], 'https://shop.example')
    assert.equal(preflight.headers['access-control-allow-credentials'], 'true')
    await route('cors', { cors: config })
    const origin = async (name: string) =>
      (await call('/cors/', { headers: { origin: name } })).headers['access-control-allow-origin']
    assert.equal(await origin('https://shop.example'), 'https://shop.example')
    assert.equal(await origin('https://other.example'), undefined)
    await put('/plugin_metadata/cors', { allow_origins: { shop: 'https://other.example' } })
    assert.equal(await origin('https://other.example'), 'https://other.example')
    const wrong = { uri: '/bad', upstream, plugins: { cors: { allow_credential: true } } }
    assert.match(await refusal('/routes/bad', wrong), /you can not set '\*'/)
  })

  await t.test('csrf wants its cookie back in a header', async () => {
    await route('csrf', { csrf: { key: 'secret' } })
    const first = await call('/csrf/')
    const cookie = String(first.headers['set-cookie']).split(';', 1)[0] ?? ''
    const token = cookie.slice(cookie.indexOf('=') + 1)
    const post = (headers: Record<string, string>) => call('/csrf/', { method: 'POST', headers })
    assert.deepEqual((await post({})).json, { error_msg: 'no csrf token in headers' })
    assert.equal((await post({ cookie, 'apisix-csrf-token': token })).status, 200)
    assert.equal((await post({ cookie, 'apisix-csrf-token': `${token}x` })).status, 401)
  })

  await t.test('request-validation, of headers and bodies', async () => {
    const body_schema = {
      type: 'object',
      required: ['size'],
      properties: { size: { type: 'integer' } },
    }
    await route('valid', { 'request-validation': { body_schema } })
    const post = (body: string) =>
      call('/valid/', { method: 'POST', body, headers: { 'content-type': 'application/json' } })
    assert.equal((await post('{"size": 1}')).json.body, '{"size":1}')
    const refused = await post('{"size": "x"}')
    assert.equal(refused.status, 400)
    assert.match(refused.text, /property "size" validation failed/)
    const wrong = {
      uri: '/bad',
      upstream,
      plugins: { 'request-validation': { body_schema: { type: 'x' } } },
    }
    assert.match(await refusal('/routes/bad', wrong), /not a JSON Schema/)
  })

  await t.test('secrets of plugins are shown to the admin, not to the history', async () => {
    const { body } = await control.admin('GET', '/routes/csrf')
    assert.equal(body.value.plugins.csrf.key, 'secret')
  })
})
