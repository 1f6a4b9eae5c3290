import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { parseManagedReference } from '../../src/model/secret-reference.ts'

suite('parseManagedReference', () => {
  const cases = [
    { text: '$secret://vault/1/jack/key', path: ['jack'] },
    { text: '$secret://vault/1/team/a/jack/key', path: ['team', 'a', 'jack'] },
    { text: '$secret://vault/1//team/./jack/key', path: ['team', 'jack'] },
  ]
  for (const { text, path } of cases) {
    test(text, () => {
      assert.deepEqual(parseManagedReference(text), { manager: 'vault/1', path, field: 'key' })
    })
  }

  const nowhere = ['vault', 'vault/1', 'vault/1/key', 'vault/1/jack/', '/1/jack/key', 'vault//a/b']
  for (const rest of [...nowhere, 'vault/1/../../sys/raw/key', '']) {
    test(`$secret://${rest} leads nowhere`, () => {
      assert.equal(parseManagedReference(`$secret://${rest}`), undefined)
    })
  }
})
