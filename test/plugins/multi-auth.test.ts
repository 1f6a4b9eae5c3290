import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import basicAuth from '../../src/plugins/basic-auth.ts'
import type { NestedPlugin, Plugin, PluginInstance } from '../../src/plugins/contract.ts'
import keyAuth from '../../src/plugins/key-auth.ts'
import multiAuth from '../../src/plugins/multi-auth.ts'
import { createResourceValidator } from '../../src/support/validate-resource.ts'
import { consumersOf } from '../helpers/consumer-directory.ts'
import { configure, createRequest, replyOf } from '../helpers/plugin-harness.ts'
import { fakePlugin } from '../worker/plugins/plugin-fixtures.ts'

const late = fakePlugin('late', 1, ({ reply }) => ({ rewrite: async () => reply as never }), {
  type: 'auth',
})
const broken = fakePlugin('broken', 2, () => ({ rewrite: () => ({ status: 503 }) }), {
  type: 'auth',
})
const useless = fakePlugin('useless', 3, () => ({ access: () => undefined }), { type: 'auth' })
const PLUGINS: readonly Plugin[] = [keyAuth, basicAuth, multiAuth, late, broken, useless]
const find = (name: string) => PLUGINS.find((plugin) => plugin.name === name)

const consumers = {
  'key-auth': consumersOf(keyAuth, { ann: { key: 'ann-key' } }),
  'basic-auth': consumersOf(basicAuth, { bob: { username: 'bob', password: 'pw' } }),
}

/** As the engine lends it; `off` is turned off in the settings. */
function lend({ name, config }: NestedPlugin): PluginInstance | undefined {
  if (name === 'off') return undefined
  const directory = consumers[name as 'key-auth'] ?? consumers['key-auth']
  return configure(find(name) as Plugin, config, { configure: lend, consumers: directory })
}

async function ask(choices: object[], headers: string[]) {
  const instance = configure(multiAuth, { auth_plugins: choices }, { configure: lend })
  const request = createRequest({ headers })
  return { reply: await replyOf(instance, request), who: request.consumer?.username }
}

const BOTH = [{ 'basic-auth': {} }, { 'key-auth': {} }]
const BOB = ['Authorization', `Basic ${Buffer.from('bob:pw').toString('base64')}`]
const refusal = (...challenges: string[]) => ({
  status: 401,
  headers: { 'WWW-Authenticate': challenges },
  body: { message: 'Authorization Failed' },
})

suite('multi-auth', () => {
  test('lets in what one of its plugins lets in', async () => {
    assert.deepEqual(await ask(BOTH, BOB), { reply: undefined, who: 'bob' })
    assert.deepEqual(await ask(BOTH, ['apikey', 'ann-key']), { reply: undefined, who: 'ann' })
    assert.equal((await ask([{ 'basic-auth': {}, 'key-auth': {} }, { late: {} }], BOB)).who, 'bob')
  })

  test('refuses what none lets in, with all their challenges', async () => {
    const expected = refusal('Basic realm="basic"', 'apikey realm="key"')
    assert.deepEqual((await ask(BOTH, [])).reply, expected)
    assert.deepEqual((await ask(BOTH, ['apikey', 'x'])).reply, expected)
  })

  test('tries on after one that took its time', async () => {
    const no = { late: { reply: { status: 401 } } }
    const found = await ask([no, no, { 'key-auth': {} }, no], ['apikey', 'ann-key'])
    assert.deepEqual(found, { reply: undefined, who: 'ann' })
    assert.deepEqual((await ask([no, no], [])).reply, refusal())
    assert.equal((await ask([no, { late: {} }], [])).reply, undefined)
  })

  test('a plugin that can not tell has the last word, unless another one lets in', async () => {
    assert.equal((await ask([{ broken: {} }, { 'key-auth': {} }], [])).reply?.status, 503)
    assert.equal(
      (await ask([{ broken: {} }, { 'key-auth': {} }], ['apikey', 'ann-key'])).who,
      'ann',
    )
  })

  test('lets nobody in through plugins that are turned off', async () => {
    assert.deepEqual((await ask([{ off: {} }, { off: {} }], [])).reply, refusal())
    assert.equal((await ask([{ off: {} }, { 'key-auth': {} }], ['apikey', 'ann-key'])).who, 'ann')
  })

  test('refuses plugins that do not authenticate in rewrite, and consumers', () => {
    const instance = () =>
      configure(multiAuth, { auth_plugins: [{ useless: {} }] }, { configure: lend })
    assert.throws(instance, /useless plugin is not supported/)
    assert.throws(() => multiAuth.checkConsumer?.({}), /finds no consumers by itself/)
  })

  const decoder = createResourceValidator(find)
  const check = (choices: unknown) =>
    decoder.decode('routes', {
      id: '1',
      uri: '/',
      plugins: { 'multi-auth': { auth_plugins: choices } },
    })
  const bad: [string, unknown, RegExp][] = [
    ['one choice only', [{ 'key-auth': {} }], /items|at least 2/],
    ['an unknown plugin', [{ 'key-auth': {} }, { nobody: {} }], /nobody plugin did not found/],
    ['a choice without plugin', [{ 'key-auth': {} }, {}], /auth_plugins/],
    [
      'a wrong configuration',
      [{ 'key-auth': { header: 1 } }, { 'basic-auth': {} }],
      /plugin key-auth check schema failed: property "header"/,
    ],
    ['_meta', [{ 'key-auth': { _meta: {} } }, { 'basic-auth': {} }], /"_meta" has no effect here/],
    [
      'a wrong one further in',
      [{ 'key-auth': {} }, { 'multi-auth': { auth_plugins: [{ 'key-auth': {} }, { x: {} }] } }],
      /plugin multi-auth check schema failed: x plugin did not found/,
    ],
  ]
  for (const [name, choices, reason] of bad) {
    test(`the model refuses ${name}`, () => {
      const decoded = check(choices)
      assert.equal(decoded.ok, false)
      assert.match(decoded.ok ? '' : decoded.reason, reason)
    })
  }

  test('the model refuses plugins of other kinds', () => {
    const other = fakePlugin('other', 9, () => ({}))
    const { decode } = createResourceValidator((name) => (name === 'other' ? other : find(name)))
    const choices = [{ other: {} }, { 'key-auth': {} }]
    const plugins = { 'multi-auth': { auth_plugins: choices } }
    const decoded = decode('routes', { id: '1', uri: '/', plugins })
    assert.match(decoded.ok ? '' : decoded.reason, /other plugin is not supported/)
  })

  test('the model fills in the defaults of what it runs', () => {
    const decoded = check([{ 'key-auth': {} }, { 'basic-auth': { realm: 'r' } }])
    assert.equal(decoded.ok, true)
    const { plugins } = (decoded.ok ? decoded.value : {}) as { plugins?: object }
    assert.match(JSON.stringify(plugins), /"header":"apikey"/)
  })
})
