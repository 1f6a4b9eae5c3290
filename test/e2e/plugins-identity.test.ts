import assert from 'node:assert/strict'
import { createHash, createHmac, generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { startPluginStack } from '../helpers/plugin-stack.ts'
import { signToken } from '../helpers/sign-token.ts'
import { until } from '../helpers/stack.ts'

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ec521 = generateKeyPairSync('ec', { namedCurve: 'P-521' })
const ed = generateKeyPairSync('ed25519')

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })
const WHO = 'x-consumer-username'

test('plugins of identity in a running gateway', async (t) => {
  const env = {
    HOLDFAST_KEYRING: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
    IDENTITY_KEY: 'from-the-environment',
  }
  const stack = await startPluginStack(t, env)
  const { control, gateway, put, refusal, route, call } = stack

  await put('/consumers', {
    username: 'ann',
    labels: { custom_id: '42', team: 'red' },
    plugins: {
      'key-auth': { key: 'ann-key' },
      'basic-auth': { username: 'ann', password: 'pass:word' },
      'hmac-auth': { key_id: 'ann-id', secret_key: 'ann-secret' },
      'jwt-auth': { key: 'ann', secret: 'ann-secret' },
    },
  })
  await put('/consumers', {
    username: 'guest',
    plugins: { 'fault-injection': { abort: { http_status: 418 } } },
  })

  /** Whom the node is told of, or the status of a refusal. */
  const whoIs = async (path: string, options = {}) => {
    const answer = await call(path, options)
    return answer.status === 200 ? answer.json.headers[WHO] : answer.status
  }

  await t.test('key-auth: field, argument, what is refused and what the node sees', async () => {
    await route('key', { 'key-auth': {} })
    const headers = {
      apikey: 'ann-key',
      'x-consumer-username': 'forged',
      'x-credential-identifier': 'forged',
    }
    const { json } = await call('/key/', { headers })
    assert.equal(json.headers[WHO], 'ann')
    assert.equal(json.headers['x-consumer-custom-id'], '42')
    assert.equal(json.headers['x-credential-identifier'], undefined)
    assert.equal(json.headers['apikey'], 'ann-key')
    const missing = await call('/key/')
    assert.deepEqual(
      [missing.status, missing.headers['www-authenticate'], missing.json],
      [401, 'apikey realm="key"', { message: 'Missing API key in request' }],
    )
    const wrong = await call('/key/', { headers: { apikey: 'x' } })
    assert.deepEqual([wrong.status, wrong.json], [401, { message: 'Invalid API key in request' }])
    await route('key', { 'key-auth': { hide_credentials: true, anonymous_consumer: 'guest' } })
    const hidden = await call('/key/?a=1&apikey=ann-key')
    assert.deepEqual([hidden.json.headers[WHO], hidden.json.url], ['ann', '/key/?a=1'])
    // The plugins of the anonymous consumer join in.
    assert.equal((await call('/key/', { headers: { apikey: 'x' } })).status, 418)
  })

  await t.test('basic-auth: unknown users and wrong passwords look the same', async () => {
    await route('basic', { 'basic-auth': { hide_credentials: true } })
    const good = await call('/basic/', { headers: { authorization: basic('ann:pass:word') } })
    assert.deepEqual(
      [good.json.headers[WHO], good.json.headers['authorization']],
      ['ann', undefined],
    )
    const answers = []
    for (const text of ['ann:wrong', 'nobody:wrong']) {
      const {
        status,
        text: body,
        headers,
      } = await call('/basic/', {
        headers: { authorization: basic(text) },
      })
      answers.push([status, body, { ...headers, date: '' }])
    }
    assert.deepEqual(answers[0], answers[1])
    assert.equal(answers[0]?.[0], 401)
  })

  await t.test('hmac-auth: date, target and body are signed', async () => {
    await route('hmac', { 'hmac-auth': { validate_request_body: true, max_req_body_size: 100 } })
    const date = new Date().toUTCString()
    const sign = (method: string, target: string) => {
      const text = `ann-id\n${method} ${target}\ndate: ${date}\n`
      const signature = createHmac('sha256', 'ann-secret').update(text).digest('base64')
      return `Signature keyId="ann-id",algorithm="hmac-sha256",headers="@request-target date",signature="${signature}"`
    }
    const digest = `SHA-256=${createHash('sha256').update('hello').digest('base64')}`
    const headers = { date, digest, authorization: sign('POST', '/hmac/?a=1') }
    const post = (body: string, target = '/hmac/?a=1') =>
      call(target, { method: 'POST', headers, body })
    const good = await post('hello')
    assert.deepEqual([good.json.headers[WHO], good.json.body], ['ann', 'hello'])
    assert.equal((await post('other')).status, 401)
    assert.equal((await post('hello', '/hmac/?a=2')).status, 401)
    assert.equal((await post('x'.repeat(101))).status, 413)
  })

  await t.test('jwt-auth: keys of all kinds, rotated through credentials', async () => {
    await route('jwt', { 'jwt-auth': {} })
    const pem = { type: 'spki', format: 'pem' } as const
    const keys = { RS256: rsa, ES512: ec521, EdDSA: ed }
    for (const [algorithm, { publicKey }] of Object.entries(keys)) {
      const plugin = {
        key: `ann-${algorithm}`,
        algorithm,
        public_key: String(publicKey.export(pem)),
      }
      await put(`/consumers/ann/credentials/${algorithm}`, { plugins: { 'jwt-auth': plugin } })
    }
    for (const [algorithm, { privateKey }] of Object.entries(keys)) {
      const token = signToken(algorithm, privateKey, { key: `ann-${algorithm}` })
      const { json } = await call('/jwt/', bearer(token))
      assert.equal(json.headers[WHO], 'ann')
      assert.equal(json.headers['x-credential-identifier'], algorithm)
      assert.equal((await call('/jwt/', bearer(`${token.slice(0, -6)}AAAAAA`))).status, 401)
    }
    assert.equal(
      await whoIs('/jwt/', bearer(signToken('HS256', 'ann-secret', { key: 'ann' }))),
      'ann',
    )
    await control.admin('DELETE', '/consumers/ann/credentials/RS256?wait=all')
    const old = signToken('RS256', rsa.privateKey, { key: 'ann-RS256' })
    const revoked = await call('/jwt/', bearer(old))
    const unknown = await call('/jwt/', bearer(signToken('RS256', rsa.privateKey, { key: 'x' })))
    assert.deepEqual([revoked.status, revoked.text], [unknown.status, unknown.text])
    assert.deepEqual(revoked.json, { message: 'failed to verify jwt' })
  })

  await t.test(
    'jwt-auth: a burst of signatures for threads is verified or refused, no worse',
    async () => {
      const token = signToken('ES512', ec521.privateKey, { key: 'ann-ES512' })
      const burst = Array.from({ length: 60 }, () => call('/jwt/', bearer(token)))
      const statuses = new Set((await Promise.all(burst)).map(({ status }) => status))
      statuses.delete(503)
      assert.deepEqual([...statuses], [200])
    },
  )

  await t.test('multi-auth: one of several is enough', async () => {
    const choices = [{ 'basic-auth': {} }, { 'key-auth': { header: 'x-key' } }, { 'jwt-auth': {} }]
    await route('multi', { 'multi-auth': { auth_plugins: choices } })
    assert.equal(
      await whoIs('/multi/', { headers: { authorization: basic('ann:pass:word') } }),
      'ann',
    )
    assert.equal(await whoIs('/multi/', { headers: { 'x-key': 'ann-key' } }), 'ann')
    const token = signToken('ES512', ec521.privateKey, { key: 'ann-ES512' })
    assert.equal(await whoIs('/multi/', bearer(token)), 'ann')
    const refused = await call('/multi/')
    assert.deepEqual([refused.status, refused.json], [401, { message: 'Authorization Failed' }])
    const wrong = { 'multi-auth': { auth_plugins: [{ 'key-auth': {} }, { nobody: {} }] } }
    const body = { uri: '/wrong', upstream: stack.upstream, plugins: wrong }
    assert.match(await refusal('/routes/wrong', body), /nobody plugin did not found/)
  })

  await t.test('consumer-restriction and attach-consumer-label know the consumer', async () => {
    await route('club', {
      'key-auth': {},
      'consumer-restriction': { blacklist: ['bob'] },
      'attach-consumer-label': { headers: { 'X-Team': '$team', 'X-Role': '$role' } },
    })
    await put('/consumers', { username: 'bob', plugins: { 'key-auth': { key: 'bob-key' } } })
    const bob = await call('/club/', { headers: { apikey: 'bob-key' } })
    assert.deepEqual([bob.status, bob.json], [403, { message: 'The consumer_name is forbidden.' }])
    const ann = await call('/club/', { headers: { apikey: 'ann-key', 'x-role': 'forged' } })
    assert.deepEqual([ann.json.headers['x-team'], ann.json.headers['x-role']], ['red', undefined])
  })

  await t.test(
    'a credential may stand in the environment, and counts for nothing where it is not',
    async () => {
      const credential = (key: string) => ({ plugins: { 'key-auth': { key } } })
      await put('/consumers/bob/credentials/env', credential('$env://IDENTITY_KEY'))
      const headers = (apikey: string) => ({ headers: { apikey } })
      await route('key', { 'key-auth': {} })
      assert.equal(await whoIs('/key/', headers('from-the-environment')), 'bob')
      assert.equal(await whoIs('/key/', headers('$env://IDENTITY_KEY')), 401)
      await control.admin('PUT', '/consumers/bob/credentials/lost', credential('$env://NOBODY'))
      await until(async () => /bob\/credentials\/lost/.test(await quarantined()))
      assert.equal(await whoIs('/key/', headers('$env://NOBODY')), 401)
      assert.equal(await whoIs('/key/', headers('')), 401)
      assert.equal(await whoIs('/key/', headers('bob-key')), 'bob')
    },
  )

  await t.test('the Admin API refuses credentials that can not work', async () => {
    const jwt = (more: object) => ({ plugins: { 'jwt-auth': { key: 'k', ...more } } })
    const reasons: [object, RegExp][] = [
      [jwt({}), /property "secret" is required when using HS based algorithms/],
      [jwt({ algorithm: 'RS256', public_key: 'x' }), /missing valid public key/],
      [{ plugins: { 'key-auth': { key: '' } } }, /key/],
      [{ plugins: { 'key-auth': { key: 'bob-key' } } }, /duplicate key of plugin key-auth found/],
      [{ plugins: { 'consumer-restriction': { blacklist: ['a'] } } }, /only supports auth type/],
    ]
    for (const [body, reason] of reasons) {
      assert.match(await refusal('/consumers/ann/credentials/bad', body), reason)
    }
  })

  async function quarantined(): Promise<string> {
    const { quarantined: objects } = await gateway.sync()
    return JSON.stringify(objects)
  }
})
