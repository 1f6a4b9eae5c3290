import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { createPluginRegistry, pluginRegistry } from '../../src/plugins/registry.ts'
import { createResourceValidator } from '../../src/support/validate-resource.ts'
import { fakePlugin } from '../worker/plugins/plugin-fixtures.ts'

const ROOT = join(import.meta.dirname, '../..')
const plugins = pluginRegistry.list()
const validator = createResourceValidator((name) => pluginRegistry.find(name))
const compatibility = readFileSync(join(ROOT, 'docs/compatibility.md'), 'utf8')

suite('built-in plugins', () => {
  test('every file that exports a plugin is listed', () => {
    const folder = join(ROOT, 'src/plugins')
    const files = readdirSync(folder).filter((name) => name.endsWith('.ts'))
    const withPlugin = files.filter((name) =>
      readFileSync(join(folder, name), 'utf8').includes('export default definePlugin('),
    )
    assert.deepEqual(plugins.map(({ name }) => `${name}.ts`).sort(), withPlugin.sort())
  })

  for (const { name, type } of plugins) {
    test(`${name} has schemas that compile, a docs page, a test, and a row in the docs`, () => {
      // Whether the configuration is valid does not matter: an invalid schema throws or says so.
      const uses = { id: '1', uri: '/', plugins: { [name]: {} } }
      const reasons = [
        validator.decode('routes', uses),
        validator.decode('plugin_metadata', { id: name }),
        ...(type === 'auth'
          ? [validator.decode('consumers', { username: 'a', plugins: uses.plugins })]
          : []),
      ].map((decoded) => (decoded.ok ? '' : decoded.reason))
      for (const reason of reasons) assert.doesNotMatch(reason, /schema of plugin/)
      assert.ok(existsSync(join(ROOT, `docs/plugins/${name}.md`)), 'docs page')
      assert.ok(existsSync(join(ROOT, `test/plugins/${name}.test.ts`)), 'test')
      assert.match(compatibility, new RegExp(`\\| \`${name}\` \\| supported`), 'row')
    })
  }
})

suite('plugin registry', () => {
  test('an external plugin takes the place of a built-in one', () => {
    const registry = createPluginRegistry()
    const own = fakePlugin('cors', 1, () => ({}))
    registry.configure([own], undefined)
    assert.equal(registry.find('cors'), own)
  })

  test('lists what is turned on, highest priority first', () => {
    const registry = createPluginRegistry(['cors', 'csrf', 'ip-restriction'])
    assert.deepEqual(
      registry.list().map(({ name }) => name),
      ['cors', 'ip-restriction', 'csrf'],
    )
    registry.configure([], ['csrf'])
    assert.deepEqual(
      registry.list().map(({ name }) => name),
      ['csrf'],
    )
    assert.equal(registry.isEnabled('cors'), false)
    assert.equal(registry.find('toString'), undefined)
  })
})
