import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { PluginTable } from '../../../src/worker/plugins/plugin-table.ts'
import { createServices, fakePlugin } from './plugin-fixtures.ts'

const UPSTREAMS = { find: () => undefined, create: () => assert.fail('no upstream here') }

/** A table with one plugin that remembers what it was configured with. */
function tableOf(environment: NodeJS.ProcessEnv = {}) {
  const configs: unknown[] = []
  const plugin = fakePlugin('keeper', 1, (config) => {
    configs.push(config)
    return {}
  })
  const table = new PluginTable(createServices([plugin], environment), UPSTREAMS)
  const put = (config: object) =>
    table.prepareOwner('routes', '1', { id: '1', plugins: { keeper: config } }).commit()
  return { put, configs, table }
}

suite('references to secrets in plugins', () => {
  test('a plugin sees what a variable of the environment holds', () => {
    const { put, configs } = tableOf({ KEY: 'secret' })
    put({ key: '$env://KEY' })
    assert.deepEqual(configs, [{ key: 'secret' }])
  })

  const unresolved = [
    { name: 'at the top', config: { key: '$secret://vault/1/a/b' } },
    { name: 'in a list of objects', config: { rules: [{ a: 1 }, { key: '$secret://aws/1/a' }] } },
    { name: 'behind a variable', config: { key: '$ENV://POINTER' } },
    { name: 'in _meta', config: { _meta: { error_response: '$secret://vault/1/a/b' } } },
    { name: 'without a name', config: { key: '$env://' } },
  ]
  for (const { name, config } of unresolved) {
    test(`no plugin is given the text of a reference ${name}`, () => {
      const { put, configs, table } = tableOf({ POINTER: '$secret://vault/1/a/b' })
      assert.throws(() => put(config), {
        code: 'GW_CONFIG_REFERENCE',
        message: 'plugin [keeper] has a reference to a secret that nothing here resolves',
      })
      const rule = { id: '1', plugins: { keeper: config } }
      assert.throws(() => table.putGlobalRule('1', rule), { code: 'GW_CONFIG_REFERENCE' })
      assert.deepEqual(configs, [])
    })
  }
})
