import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { suite, type TestContext, test } from 'node:test'
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

suite('keys in writes of many objects', () => {
  const put = (id: string, plugins: object) => {
    const kind = id.includes('/') ? 'credentials' : 'consumers'
    return { op: 'put', kind, id, body: { plugins } }
  }
  const remove = (id: string) => ({ op: 'delete', kind: 'consumers', id })
  const found = (owner: string) => `duplicate key of plugin key-auth found with ${owner}`
  const start = async (t: TestContext) => {
    const { send } = await startAdminApi(t, { validator: admittedResources, secrets })
    const bulk = async (...changes: object[]) => {
      const { status, body } = await send('POST', '/holdfast/v1/bulk', { changes })
      if (status === 200) return 'taken'
      const results = body.results as { id: string; error: string }[]
      return results.map(({ id, error }) => `${id}: ${error}`)
    }
    return { send, bulk }
  }

  test('a bulk may not give one key to two, and names both', async (t) => {
    const { bulk } = await start(t)
    assert.deepEqual(await bulk(put('ann', keyAuth('k1')), put('bob', keyAuth('k1'))), [
      `ann: ${found('consumer: bob')}`,
      `bob: ${found('consumer: ann')}`,
    ])
    const credential = put('ann/credentials/c', keyAuth('k1'))
    assert.deepEqual(await bulk(put('ann', {}), credential, put('bob', keyAuth('k1'))), [
      `ann/credentials/c: ${found('consumer: bob')}`,
      `bob: ${found('credential: c of consumer: ann')}`,
    ])
    // What was refused has left nothing behind. A consumer may have what its credentials have.
    assert.equal(await bulk(put('ann', keyAuth('k1')), credential), 'taken')
  })

  test('nor one that is stored, whoever wrote it', async (t) => {
    const { bulk, send } = await start(t)
    await send('PUT', '/consumers', consumer('ann', keyAuth('k1')))
    assert.equal(await bulk(put('bob', keyAuth('k2'))), 'taken')
    assert.deepEqual(await bulk(put('cid', keyAuth('k1')), put('dan', keyAuth('k2'))), [
      `cid: ${found('consumer: ann')}`,
      `dan: ${found('consumer: bob')}`,
    ])
    const single = await send('PUT', '/consumers', consumer('cid', keyAuth('k2')))
    assert.equal(single.body.error_msg, found('consumer: bob'))
  })

  test('it may pass keys on', async (t) => {
    const { bulk } = await start(t)
    assert.equal(await bulk(put('ann', keyAuth('k1')), put('bob', keyAuth('k2'))), 'taken')
    assert.equal(await bulk(put('ann', keyAuth('k2')), put('bob', keyAuth('k1'))), 'taken')
    assert.equal(await bulk(put('cid', keyAuth('k2')), remove('ann')), 'taken')
  })

  test('a whole configuration may not either', async (t) => {
    const { send } = await start(t)
    const consumers = [consumer('ann', keyAuth('k1')), consumer('bob', keyAuth('k1'))]
    const refused = await send('PUT', '/configs', { consumers }, { 'x-digest': 'd' })
    assert.equal(refused.status, 400)
    assert.equal(refused.body.error_msg, found('consumer: bob'))
    assert.deepEqual(
      refused.body.errors.map((problem: { resource_id: string }) => problem.resource_id),
      ['ann', 'bob'],
    )
  })

  test('a write that is refused leaves known what was there', async (t) => {
    const { send } = await start(t)
    await send('PUT', '/consumers', consumer('ann', keyAuth('k1')))
    const dangling = { ...consumer('ann', keyAuth('k2')), group_id: 'none' }
    assert.equal((await send('PUT', '/consumers', dangling)).status, 400)
    const other = await send('PUT', '/consumers', consumer('bob', keyAuth('k1')))
    assert.equal(other.body.error_msg, found('consumer: ann'))
    assert.equal((await send('PUT', '/consumers', consumer('bob', keyAuth('k2')))).status, 201)
  })
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
