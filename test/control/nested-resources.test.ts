import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createResourceValidator } from '../../src/support/validate-resource.ts'
import { startAdminApi } from './admin-client.ts'

const keyAuth = { plugins: { 'key-auth': { key: 'one' } } }
const withAnyPlugin = createResourceValidator(() => ({ schema: {}, consumerSchema: {} }))

suite('credentials', () => {
  test('stand under their consumer and go with it', async (t) => {
    const { send } = await startAdminApi(t, { validator: withAnyPlugin })
    const missing = await send('PUT', '/consumers/jack/credentials/one', keyAuth)
    assert.equal(missing.status, 404)
    assert.deepEqual(missing.body, { error_msg: 'consumer not found' })

    for (const username of ['jack', 'jacky']) {
      await send('PUT', '/consumers', { username })
      const own = { plugins: { 'key-auth': { key: username } } }
      const created = await send('PUT', `/consumers/${username}/credentials/one`, own)
      assert.equal(created.status, 201)
      assert.equal(created.body.key, `/apisix/consumers/${username}/credentials/one`)
      assert.equal(created.body.value.id, 'one')
    }
    assert.equal((await send('PUT', '/consumers/jack/credentials/one', keyAuth)).status, 200)
    assert.equal((await send('GET', '/consumers/jack/credentials')).body.total, 1)
    assert.equal((await send('GET', '/consumers')).body.total, 2)

    assert.equal((await send('DELETE', '/consumers/jack')).status, 200)
    assert.equal((await send('GET', '/consumers/jack/credentials/one')).status, 404)
    assert.equal((await send('GET', '/consumers/jack/credentials')).status, 404)
    assert.equal((await send('GET', '/consumers/jacky/credentials/one')).status, 200)
  })

  test('take an id from the body, short or whole', async (t) => {
    const { send } = await startAdminApi(t, { validator: withAnyPlugin })
    await send('PUT', '/consumers', { username: 'jack' })
    const path = '/consumers/jack/credentials'
    assert.equal((await send('PUT', path, { ...keyAuth, id: 'a' })).status, 201)
    assert.equal((await send('PUT', `${path}/a`, { ...keyAuth, id: 'a' })).status, 200)
    const whole = { ...keyAuth, id: 'jack/credentials/a' }
    assert.equal((await send('PUT', `${path}/a`, whole)).status, 200)
    const wrong = await send('PUT', `${path}/a`, { ...keyAuth, id: 'b' })
    assert.deepEqual(wrong.body, { error_msg: 'wrong credential id' })
    assert.equal((await send('PUT', path, keyAuth)).body.error_msg, 'missing credential id')
    assert.equal((await send('POST', path, keyAuth)).status, 405)
    assert.equal((await send('PATCH', `${path}/a`, { desc: '' })).status, 405)
    assert.equal(
      (await send('DELETE', `${path}/a`)).body.key,
      '/apisix/consumers/jack/credentials/a',
    )
  })
})

suite('secrets', () => {
  const vault = { uri: 'http://127.0.0.1:8200', prefix: 'kv/apisix', token: 'hidden' }

  test('stand under their manager', async (t) => {
    const { send } = await startAdminApi(t)
    const created = await send('PUT', '/secrets/vault/1', vault)
    assert.equal(created.status, 201)
    assert.equal(created.body.key, '/apisix/secrets/vault/1')
    assert.equal(created.body.value.id, 'vault/1')
    const patched = await send('PATCH', '/secrets/vault/1/prefix', '"kv/other"')
    assert.equal(patched.body.value.prefix, 'kv/other')
    const account = { access_key_id: 'a', secret_access_key: 'b' }
    assert.equal((await send('PUT', '/secrets/aws/1', account)).body.value.region, 'us-east-1')
    assert.equal((await send('GET', '/secrets')).body.total, 2)
    assert.equal((await send('GET', '/secrets/vault')).body.total, 1)
    assert.equal((await send('GET', '/secrets/vault/1')).body.value.prefix, 'kv/other')
    const odd = await send('PUT', '/secrets/hashi/1', vault)
    assert.equal(odd.body.error_msg, 'invalid secret manager: hashi')
    assert.equal((await send('POST', '/secrets/vault', vault)).status, 405)
    assert.equal((await send('DELETE', '/secrets/vault')).body.error_msg, 'missing secret id')
    assert.equal((await send('DELETE', '/secrets/vault/1')).status, 200)
  })
})

suite('kinds without a listener', () => {
  const cases = [
    ['/stream_routes/1', { server_port: 9100, upstream: { nodes: { '127.0.0.1:1995': 1 } } }],
    ['/protos/1', { content: 'syntax = "proto3";' }],
  ] as const

  for (const [path, body] of cases) {
    test(`${path} warns that nothing serves it`, async (t) => {
      const { send } = await startAdminApi(t)
      const { status, headers } = await send('PUT', path, body)
      assert.equal(status, 201)
      assert.match(headers.get('warning') ?? '', /^299 - ".* nothing serves it yet"$/)
      assert.equal((await send('PATCH', path, {})).status, 405)
      assert.equal((await send('DELETE', path)).headers.get('warning'), null)
    })
  }
})
