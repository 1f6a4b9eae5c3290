import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { PluginHost } from '../../../src/plugins/contract.ts'
import { ConsumerStore } from '../../../src/worker/plugins/consumer-store.ts'
import { NO_PLUGINS } from '../../../src/worker/plugins/plugin-set.ts'
import { PluginTable } from '../../../src/worker/plugins/plugin-table.ts'
import { createServices, fakePlugin } from './plugin-fixtures.ts'

const NOTHING = { own: { current: NO_PLUGINS }, group: undefined }
const badge = (key: string) => [{ plugin: 'badge', key, config: { key } }]

suite('ConsumerStore', () => {
  test('of several with one key the first by name has it, in whatever order they came', () => {
    const put = (store: ConsumerStore, username: string) =>
      store.putConsumer({ username }, NOTHING, badge('k'))
    const one = new ConsumerStore()
    for (const name of ['ann', 'bob', 'cid']) put(one, name)
    const other = new ConsumerStore()
    for (const name of ['cid', 'ann', 'bob', 'ann', 'cid']) put(other, name)
    for (const store of [one, other]) {
      const owner = () => store.find('badge', 'k')?.consumer.username
      assert.equal(owner(), 'ann')
      store.deleteConsumer('ann')
      assert.equal(owner(), 'bob')
      store.deleteConsumer('cid')
      assert.equal(owner(), 'bob')
      store.deleteConsumer('bob')
      assert.equal(owner(), undefined)
    }
  })

  test('a key is found for its plugin only, while it is there', () => {
    const store = new ConsumerStore()
    store.putConsumer({ username: 'ann' }, NOTHING, badge('old'))
    store.putCredential('ann/credentials/c', 'ann', 'c', badge('rotated'))
    assert.equal(store.find('badge', 'rotated')?.consumer.credentialId, 'c')
    assert.equal(store.find('other', 'old'), undefined)
    store.putConsumer({ username: 'ann' }, NOTHING, badge('new'))
    assert.equal(store.find('badge', 'old'), undefined)
    assert.equal(store.find('badge', 'new')?.consumer.credentialId, undefined)
    assert.equal(store.putCredential('bob/credentials/c', 'bob', 'c', badge('x')), false)
  })
})

const UPSTREAMS = { find: () => undefined, create: () => assert.fail('no upstream here') }

/** Credentials of a plugin whose instance only remembers its host. */
function tableOf(environment: NodeJS.ProcessEnv = {}) {
  const checked: unknown[] = []
  let consumers: PluginHost['consumers'] | undefined
  const create = (_config: object, host: PluginHost) => {
    consumers = host.consumers
    return {}
  }
  const plugin = fakePlugin('badge', 1, create as never, {
    type: 'auth',
    credentialKey: ({ key }) => key as string,
    checkConsumer: (config) => void checked.push(config['key']),
  })
  const table = new PluginTable(createServices([plugin], environment), UPSTREAMS)
  const put = (username: string, key: string) =>
    table.putConsumer(username, { username, plugins: { badge: { key } } })
  table.prepareOwner('routes', 'r', { id: 'r', plugins: { badge: {} } }).commit()
  const find = (key: string) => consumers?.find(key)?.consumer.username
  return { table, put, find, checked }
}

suite('consumers of a PluginTable', () => {
  test('what a reference stands for is checked; nothing else is again', () => {
    const { put, checked } = tableOf({ KEY: 'secret' })
    put('ann', '$env://KEY')
    put('bob', 'plain')
    assert.deepEqual(checked, ['secret'])
  })

  for (const reference of ['$env://NOBODY', '$env://EMPTY', '$secret://vault/1/a/b', '$env://']) {
    test(`refuses a consumer whose ${reference} leads nowhere`, () => {
      const { put } = tableOf({ EMPTY: '' })
      assert.throws(() => put('ann', reference), { code: 'GW_CONFIG_REFERENCE' })
    })
  }

  test('a key that was replaced by one that leads nowhere counts no longer', () => {
    const { table, put, find } = tableOf()
    put('ann', 'old')
    table.putCredential('ann/credentials/c', { id: 'x', plugins: { badge: { key: 'extra' } } })
    assert.deepEqual([find('old'), find('extra')], ['ann', 'ann'])
    assert.throws(() => put('ann', '$env://NOBODY'))
    assert.deepEqual([find('old'), find('extra')], [undefined, 'ann'])
    const broken = { id: 'x', plugins: { badge: { key: '$env://NOBODY' } } }
    assert.throws(() => table.putCredential('ann/credentials/c', broken))
    assert.equal(find('extra'), undefined)
  })

  test('a hundred thousand are loaded, found and replaced without looking at the others', () => {
    const count = 100_000
    const { table, put } = tableOf()
    const startedAt = performance.now()
    for (let i = 0; i < count; i++) put(`user_${i}`, `key-${i}`)
    for (let i = 0; i < count; i += 10) put(`user_${i}`, `new-${i}`)
    for (let i = 5; i < count; i += 10) table.deleteConsumer(`user_${i}`)
    // 0.5 s where this was written; a scan per consumer would take minutes.
    assert.ok(performance.now() - startedAt < 20_000)
  })

  test('the look-up of a key costs the same among many', () => {
    const store = new ConsumerStore()
    const count = 100_000
    for (let i = 0; i < count; i++) {
      store.putConsumer({ username: `user_${i}` }, NOTHING, badge(`key-${i}`))
    }
    const startedAt = performance.now()
    for (let i = 0; i < count; i++) {
      assert.equal(store.find('badge', `key-${i}`)?.consumer.username, `user_${i}`)
      assert.equal(store.find('badge', `nobody-${i}`), undefined)
    }
    // 200 000 look-ups and checks in 0.1 s where this was written.
    assert.ok(performance.now() - startedAt < 10_000)
  })
})
