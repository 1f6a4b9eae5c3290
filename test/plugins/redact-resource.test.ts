import assert from 'node:assert/strict'
import { createSecretKey } from 'node:crypto'
import { suite, test } from 'node:test'
import { showChange } from '../../src/control/holdfast-api/revision-diff.ts'
import type { ResourceBody, ResourceKind } from '../../src/model/resource-kind.ts'
import { redact } from '../../src/plugins/redact-resource.ts'
import { createKeyring } from '../../src/support/keyring.ts'

const SECRET = 'the-secret'

suite('history shows no secret', () => {
  const sealed = createKeyring([{ id: 'k', key: createSecretKey(Buffer.alloc(32, 7)) }]).seal(
    SECRET,
    'any',
  )
  const cases: [string, ResourceKind, ResourceBody][] = [
    ['a private key', 'ssls', { key: SECRET, keys: [SECRET] }],
    ['a client key', 'upstreams', { tls: { client_key: SECRET } }],
    ['a client key in a route', 'routes', { upstream: { tls: { client_key: SECRET } } }],
    ['a credential', 'consumers', { plugins: { 'key-auth': { key: SECRET } } }],
    ['a password', 'consumers', { plugins: { 'basic-auth': { password: SECRET } } }],
    ['a named secret', 'routes', { plugins: { oidc: { client_secret: SECRET } } }],
    ['secrets in a list', 'routes', { plugins: { x: { users: [{ passwd: SECRET }] } } }],
    ['a list of secrets', 'routes', { plugins: { x: { token: [SECRET] } } }],
    ['an envelope anywhere', 'routes', { plugins: { x: { anything: [sealed] } } }],
  ]
  for (const [name, kind, body] of cases) {
    test(name, () => {
      const text = JSON.stringify(redact(kind, body))
      assert.ok(!text.includes(SECRET) && !text.includes(sealed), text)
      const change = { seq: 0, kind, id: '1', before: body, after: { ...body, desc: 'x' } }
      assert.ok(!JSON.stringify(showChange(change)).includes(SECRET))
    })
  }

  test('what only sounds like one stays', () => {
    const body = { plugins: { 'limit-count': { key: 'remote_addr' } }, tokens: 5, secret: 7 }
    assert.deepEqual(redact('routes', body), body)
  })
})

suite('differences', () => {
  const diff = (before: ResourceBody, after: ResourceBody) =>
    showChange({ seq: 0, kind: 'routes', id: '1', before, after }).fields

  const cases: [string, ResourceBody, ResourceBody, object[]][] = [
    ['nothing', { a: 1 }, { a: 1 }, []],
    ['order of fields', { a: 1, b: 2 }, { b: 2, a: 1 }, []],
    ['a value', { a: { b: 1 } }, { a: { b: null } }, [{ path: '/a/b', before: 1, after: null }]],
    ['a pointer', { 'a/b~': 1 }, { 'a/b~': 2 }, [{ path: '/a~1b~0', before: 1, after: 2 }]],
    ['one of a list', { a: [1, 2] }, { a: [1, 3] }, [{ path: '/a/1', before: 2, after: 3 }]],
    ['a longer list', { a: [1] }, { a: [0, 1] }, [{ path: '/a', before: [1], after: [0, 1] }]],
    ['another type', { a: [] }, { a: {} }, [{ path: '/a', before: [], after: {} }]],
    ['came', {}, { a: 1 }, [{ path: '/a', after: 1 }]],
    ['went', { a: 1 }, {}, [{ path: '/a', before: 1 }]],
    [
      'an odd name',
      JSON.parse('{"__proto__":1}'),
      JSON.parse('{"__proto__":2}'),
      [{ path: '/__proto__', before: 1, after: 2 }],
    ],
  ]
  for (const [name, before, after, expected] of cases) {
    test(name, () => assert.deepEqual(diff(before, after), expected))
  }
})
