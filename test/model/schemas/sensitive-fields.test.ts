import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { ResourceBody, ResourceKind } from '../../../src/model/resource-kind.ts'
import { mapSecrets, type PluginSecrets } from '../../../src/model/schemas/sensitive-fields.ts'

const PLUGINS: Record<string, PluginSecrets> = {
  'key-auth': { fields: [], consumerFields: ['key'] },
  logger: { fields: ['auth.password', 'brokers.secret', 'headers.*'], metadataFields: ['token'] },
}

const find = (name: string) => (Object.hasOwn(PLUGINS, name) ? PLUGINS[name] : undefined)

/** Paths of the secrets found, and the object with all of them replaced by `*`. */
function mask(kind: ResourceKind, body: ResourceBody) {
  const found: string[] = []
  const masked = mapSecrets(kind, body, find, (_, { path, writeOnly }) => {
    found.push(`${path.join('/')}${writeOnly ? ' (write-only)' : ''}`)
    return '*'
  })
  return { found, masked }
}

suite('secrets of an object', () => {
  const cases: { name: string; kind: ResourceKind; body: ResourceBody; found: string[] }[] = [
    {
      name: 'private keys of a certificate',
      kind: 'ssls',
      body: { id: '1', cert: 'c', key: 'k', keys: ['k1', 'k2'] },
      found: ['key (write-only)', 'keys/0 (write-only)', 'keys/1 (write-only)'],
    },
    {
      name: "an upstream's client key",
      kind: 'upstreams',
      body: { id: '1', tls: { client_cert: 'c', client_key: 'k' } },
      found: ['tls/client_key (write-only)'],
    },
    {
      name: "an inline upstream's client key",
      kind: 'routes',
      body: { id: '1', upstream: { tls: { client_key: 'k' } } },
      found: ['upstream/tls/client_key (write-only)'],
    },
    {
      name: "a consumer's credential",
      kind: 'consumers',
      body: { username: 'jo', plugins: { 'key-auth': { key: 'k' } } },
      found: ['plugins/key-auth/key'],
    },
    {
      name: "a plugin's fields, through objects and lists",
      kind: 'services',
      body: {
        id: '1',
        plugins: {
          logger: {
            auth: { user: 'u', password: 'p' },
            brokers: [{ secret: 's' }, { host: 'h' }],
            headers: { a: '1', b: '2' },
          },
        },
      },
      found: [
        'plugins/logger/auth/password',
        'plugins/logger/brokers/0/secret',
        'plugins/logger/headers/a',
        'plugins/logger/headers/b',
      ],
    },
    {
      name: "a plugin's metadata",
      kind: 'plugin_metadata',
      body: { id: 'logger', token: 't', auth: { password: 'no' } },
      found: ['token'],
    },
    {
      name: 'nothing where the shape is another one',
      kind: 'ssls',
      body: { id: '1', key: 7, keys: { a: 'b' }, upstream: { tls: { client_key: 'k' } } },
      found: [],
    },
    {
      name: 'nothing in plugins without secrets',
      kind: 'routes',
      body: { id: '1', plugins: { cors: { key: 'k' }, 'key-auth': { key: 'k' }, constructor: {} } },
      found: [],
    },
  ]
  for (const { name, kind, body, found } of cases) {
    test(name, () => {
      const original = structuredClone(body)
      const result = mask(kind, body)
      assert.deepEqual(result.found, found)
      assert.deepEqual(body, original)
      if (found.length === 0) assert.equal(result.masked, body)
      else assert.equal(JSON.stringify(result.masked).match(/"\*"/g)?.length, found.length)
    })
  }

  test('an object whose secrets stay is returned as it is', () => {
    const body = { id: '1', key: 'k', keys: ['k'] }
    assert.equal(
      mapSecrets('ssls', body, find, (value) => value),
      body,
    )
  })
})
