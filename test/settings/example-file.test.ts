import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { CATALOGUE } from '../../src/settings/catalogue.ts'
import { parseEnvFile } from '../../src/settings/env-file.ts'
import { loadQuickstartSettings } from '../../src/settings/quickstart-settings.ts'
import type { SettingRule } from '../../src/settings/setting.ts'

const PATH = join(import.meta.dirname, '../../conf/holdfast.env.example')
const text = readFileSync(PATH, 'utf8')
const { entries, problems } = parseEnvFile(text.replace(/^#(?=HOLDFAST_)/gm, ''), PATH)

suite('conf/holdfast.env.example', () => {
  test('sets nothing as it is', () => {
    assert.equal(parseEnvFile(text, PATH).entries.size, 0)
  })

  test('documents every setting and nothing else', () => {
    assert.deepEqual(problems, [])
    assert.deepEqual([...entries.keys()].sort(), Object.keys(CATALOGUE).sort())
  })

  test('shows the defaults', () => {
    for (const [name, schema] of Object.entries(CATALOGUE)) {
      const rule = (schema as unknown as { setting: SettingRule<unknown> }).setting
      if (rule.default !== undefined) assert.equal(entries.get(name)?.value, rule.default, name)
    }
  })

  test('is accepted with every line in force', () => {
    const env = Object.fromEntries([...entries].map(([name, { value }]) => [name, value]))
    // Instead of HOLDFAST_KEYRING, says the file.
    delete env['HOLDFAST_KEYRING_FILE']
    assert.ok(loadQuickstartSettings({ env: { ...env, HOLDFAST_ENV_FILE: '/dev/null' } }))
  })
})
