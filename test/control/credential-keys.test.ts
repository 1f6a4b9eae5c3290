import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { suite, test } from 'node:test'
import { CredentialKeys } from '../../src/control/credential-keys.ts'
import type { ResourceBody } from '../../src/model/resource-kind.ts'
import type { Snapshot } from '../../src/model/snapshot.ts'
import { admittedResources, findPluginSecrets } from '../../src/plugins/served-resources.ts'
import { createKeyring, parseKeys } from '../../src/support/keyring.ts'
import { createResourceSecrets } from '../../src/support/resource-secrets.ts'
import { startAdminApi } from './admin-client.ts'

const keyring = createKeyring(parseKeys(`a:${randomBytes(32).toString('base64')}`))
const secrets = createResourceSecrets(keyring, findPluginSecrets)

const consumer = (username: string, plugins: object) => ({ username, plugins })
const keyAuth = (key: string) => ({ 'key-auth': { key } })
const basicAuth = (username: string) => ({ 'basic-auth': { password: username, username } })

test('no two consumers get the same key, be it encrypted or not', async (t) => {
  const { send } = await startAdminApi(t, { validator: admittedResources, secrets })
  const put = async (path: string, body: object) => {
    const answer = await send('PUT', path, body)
    return answer.status < 300 ? 'taken' : `${answer.status} ${answer.body.error_msg}`
  }
  const all = {
    ...keyAuth('k1'),
    ...basicAuth('u1'),
    'hmac-auth': { key_id: 'h1', secret_key: 's' },
  }
  assert.equal(await put('/consumers', consumer('ann', all)), 'taken')
  assert.equal(await put('/consumers', consumer('ann', all)), 'taken')
  const cases: [string, object, string][] = [
    [
      '/consumers',
      consumer('bob', keyAuth('k1')),
      'duplicate key of plugin key-auth found with consumer: ann',
    ],
    [
      '/consumers',
      consumer('bob', basicAuth('u1')),
      'duplicate username of plugin basic-auth found with consumer: ann',
    ],
    [
      '/consumers',
      consumer('bob', { 'hmac-auth': { key_id: 'h1', secret_key: 'x' } }),
      'duplicate key_id of plugin hmac-auth found with consumer: ann',
    ],
    [
      '/consumers/ann/credentials/c',
      { plugins: keyAuth('k1') },
      'duplicate key of plugin key-auth found with consumer: ann',
    ],
  ]
  for (const [path, body, reason] of cases) assert.equal(await put(path, body), `400 ${reason}`)

  assert.equal(
    await put('/consumers', consumer('bob', { 'jwt-auth': { key: 'k1', secret: 's' } })),
    'taken',
  )
  assert.equal(await put('/consumers/bob/credentials/c', { plugins: keyAuth('k2') }), 'taken')
  assert.equal(await put('/consumers/bob/credentials/c', { plugins: keyAuth('k2') }), 'taken')
  const ofCredential =
    '400 duplicate key of plugin key-auth found with credential: c of consumer: bob'
  assert.equal(await put('/consumers', consumer('cid', keyAuth('k2'))), ofCredential)
  assert.equal(await put('/consumers/bob/credentials/d', { plugins: keyAuth('k2') }), ofCredential)
  // A consumer may have what its own credentials have.
  assert.equal(await put('/consumers', consumer('bob', keyAuth('k2'))), 'taken')
  assert.equal(await put('/consumers', consumer('bob', {})), 'taken')

  // Given up, and free for others.
  await send('DELETE', '/consumers/bob/credentials/c')
  assert.equal(await put('/consumers', consumer('cid', keyAuth('k2'))), 'taken')
  assert.equal(await put('/consumers', consumer('ann', keyAuth('k3'))), 'taken')
  assert.equal(await put('/consumers', consumer('bob', keyAuth('k1'))), 'taken')
  await send('DELETE', '/consumers/bob')
  assert.equal(await put('/consumers', consumer('ann', keyAuth('k1'))), 'taken')

  // References are not looked into, other groups are others.
  assert.equal(await put('/consumers', consumer('eve', keyAuth('$env://A'))), 'taken')
  assert.equal(await put('/consumers', consumer('fay', keyAuth('$env://A'))), 'taken')
  assert.equal(
    await put('/consumers?gateway_group_id=other', consumer('eve', keyAuth('k1'))),
    'taken',
  )
})

suite('CredentialKeys', () => {
  const sealed = (username: string, key: string) =>
    secrets.seal('consumers', consumer(username, keyAuth(key)))
  const stored = new Map<string, ResourceBody>()
  const view = {
    get: async (_kind: unknown, id: string) => {
      const body = stored.get(id)
      return body && { body, createdRevision: 1, revision: 1 }
    },
    list: async () => assert.fail('nobody reads all'),
  }
  const listener = { onSnapshot() {}, onDelta() {}, onState() {} }
  const claim = (keys: CredentialKeys, id: string, key: string) =>
    keys.claim(view, { group: 'g', kind: 'consumers', id }, consumer(id, keyAuth(key)))

  test('hears from the mirror what other control planes write', async () => {
    const keys = new CredentialKeys(secrets)
    const { onSnapshot, onDelta } = keys.listenFor('g', listener)
    stored.set('ann', sealed('ann', 'k1')).set('bob', sealed('bob', 'k2'))
    await onSnapshot({ consumers: [stored.get('ann')] } as unknown as Snapshot)
    const change = { op: 'put', kind: 'consumers', id: 'bob', body: stored.get('bob') } as const
    await onDelta({ to: {}, changes: [change] } as never)
    assert.match(String(await claim(keys, 'cid', 'k1')), /found with consumer: ann$/)
    assert.match(String(await claim(keys, 'cid', 'k2')), /found with consumer: bob$/)
    assert.equal(await claim(keys, 'cid', 'k3'), undefined)
  })

  test('believes the store: what it heard may be out of date', async () => {
    const keys = new CredentialKeys(secrets)
    const { onSnapshot } = keys.listenFor('g', listener)
    await onSnapshot({ consumers: [sealed('ann', 'old')] } as unknown as Snapshot)
    stored.set('ann', sealed('ann', 'new'))
    assert.equal(await claim(keys, 'cid', 'old'), undefined)
  })
})
