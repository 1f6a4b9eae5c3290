import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { ResourceBody, ResourceKind } from '../../src/model/resource-kind.ts'
import { withSecrets } from '../../src/model/secret-value.ts'
import { createKeyring, parseKeys } from '../../src/support/keyring.ts'
import { createResourceSecrets, PLAIN_SECRETS } from '../../src/support/resource-secrets.ts'

const KEY_A = `a:${Buffer.alloc(32, 1).toString('base64')}`
const KEY_B = `b:${Buffer.alloc(32, 2).toString('base64')}`

const findPlugin = (name: string) =>
  name === 'key-auth' ? { fields: [], consumerFields: ['key'] } : undefined

function secretsWith(keys: string) {
  return createResourceSecrets(createKeyring(parseKeys(keys)), findPlugin)
}

const SSL: ResourceBody = { id: '1', cert: 'public', key: 'private', keys: ['p1', 'p2'] }
const secrets = secretsWith(KEY_A)

suite('secrets of stored objects', () => {
  test('are encrypted, opened and put back in their places', () => {
    const sealed = secrets.seal('ssls', SSL)
    assert.doesNotMatch(JSON.stringify(sealed), /private|"p1"|"p2"/)
    assert.equal(sealed['cert'], 'public')
    const opened = secrets.open('ssls', sealed)
    assert.ok(opened.ok)
    assert.deepEqual(opened.body, SSL)
    assert.deepEqual(withSecrets(sealed, opened.secrets), SSL)
    assert.match(String(sealed['key']), /^\$aes256gcm\$a\$/)
  })

  const places: [ResourceKind, ResourceBody][] = [
    ['secrets', { id: 'vault/1', token: 'hidden' }],
    ['secrets', { id: 'aws/1', secret_access_key: 'hidden', session_token: 'hidden' }],
    ['secrets', { id: 'gcp/1', auth_config: { private_key: 'hidden' } }],
    ['credentials', { id: 'jack/credentials/a', plugins: { 'key-auth': { key: 'hidden' } } }],
    ['stream_routes', { id: '1', upstream: { tls: { client_key: 'hidden' } } }],
  ]
  for (const [kind, body] of places) {
    test(`are encrypted in ${kind}/${body.id}`, () => {
      const sealed = secrets.seal(kind, body)
      assert.doesNotMatch(JSON.stringify(sealed), /hidden/)
      const opened = secrets.open(kind, sealed)
      assert.deepEqual(opened.ok && opened.body, body)
    })
  }

  test('a credential of one consumer can not be opened as that of another', () => {
    const of = (id: string, key: string) => ({ id, plugins: { 'key-auth': { key } } })
    const sealed = secrets.seal('credentials', of('jack/credentials/a', 'hidden'))
    const copied = { ...sealed, id: 'mallory/credentials/a' }
    assert.equal(secrets.open('credentials', copied).ok, false)
  })

  test('references to secrets stay readable', () => {
    const body = { id: 'vault/1', token: '$env://VAULT_TOKEN' }
    assert.deepEqual(secrets.seal('secrets', body), body)
  })

  test('cost an object without any nothing: it is returned as it is', () => {
    const route = { id: '1', uri: '/', upstream: { nodes: { a: 1 }, tls: { verify: true } } }
    assert.equal(secrets.seal('routes', route), route)
    const opened = secrets.open('routes', route)
    assert.ok(opened.ok)
    assert.equal(opened.body, route)
    assert.equal(opened.secrets.length, 0)
    assert.equal(withSecrets(route, opened.secrets), route)
  })

  test('stay plain text where they were stored so', () => {
    const opened = secrets.open('ssls', SSL)
    assert.deepEqual(opened, { ok: true, body: SSL, secrets: [] })
    assert.equal(PLAIN_SECRETS.seal('ssls', SSL), SSL)
  })

  test('keep their envelopes when they did not change', () => {
    const before = secrets.seal('ssls', SSL)
    const after = secrets.seal('ssls', { ...SSL, keys: ['p1', 'other'] }, before)
    assert.equal(after['key'], before['key'])
    const [first, second] = after['keys'] as string[]
    const [old, oldSecond] = before['keys'] as string[]
    assert.equal(first, old)
    assert.notEqual(second, oldSecond)
  })

  test('move to the first key with the next write', () => {
    const before = secrets.seal('ssls', SSL)
    const after = secretsWith(`${KEY_B},${KEY_A}`).seal('ssls', SSL, before)
    assert.match(String(after['key']), /^\$aes256gcm\$b\$/)
  })

  test("can't be moved to another object, kind or place", () => {
    const { key, keys } = secrets.seal('ssls', SSL)
    const [first, second] = keys as string[]
    const moved: ResourceBody[] = [
      { ...SSL, id: '2', key },
      { ...SSL, key: first },
      { ...SSL, keys: [second, first] },
    ]
    for (const body of moved) assert.equal(secrets.open('ssls', body).ok, false)
    assert.equal(secrets.open('upstreams', { id: '1', tls: { client_key: key } }).ok, false)
  })

  test('name the field and the key when they are unreadable, never the envelope', () => {
    const opened = secretsWith(KEY_B).open('ssls', secrets.seal('ssls', SSL))
    assert.equal(opened.ok, false)
    assert.match(opened.ok ? '' : opened.reason, /property "key" is encrypted with key \[a\]/)
    assert.doesNotMatch(opened.ok ? '' : opened.reason, /aes256gcm/)
  })

  test("are shown when they are a plugin's, and stay envelopes when they are private keys", () => {
    const consumer = { username: 'jo', plugins: { 'key-auth': { key: 'k' } } }
    const sealed = secrets.seal('consumers', consumer)
    assert.notDeepEqual(sealed, consumer)
    assert.deepEqual(secrets.show('consumers', sealed), consumer)
    assert.deepEqual(secretsWith(KEY_B).show('consumers', sealed), sealed)
    const ssl = secrets.seal('ssls', SSL)
    assert.equal(secrets.show('ssls', ssl), ssl)
  })
})
