import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { resolveEnvironment } from '../../src/support/environment-references.ts'

const environment = { KEY: 'secret', JSON: '{"a":"inner","n":1,"e":""}', EMPTY: '' }

suite('resolveEnvironment', () => {
  const resolved: [unknown, unknown][] = [
    ['$env://KEY', 'secret'],
    ['$ENV://KEY', 'secret'],
    ['$env://JSON/a', 'inner'],
    ['a $env://KEY', 'a $env://KEY'],
    [
      { a: [{ b: '$env://KEY' }], c: 1 },
      { a: [{ b: 'secret' }], c: 1 },
    ],
  ]
  for (const [value, expected] of resolved) {
    test(`reads ${JSON.stringify(value)}`, () => {
      assert.deepEqual(resolveEnvironment(value, environment), expected)
    })
  }

  test('returns a value without references as it is', () => {
    const value = { a: ['b', { c: '$secret://vault/1/key' }] }
    assert.equal(resolveEnvironment(value, environment), value)
  })

  for (const name of [
    'NOBODY',
    'constructor',
    'EMPTY',
    'KEY/field',
    'JSON/n',
    'JSON/e',
    'JSON/z',
  ]) {
    test(`refuses $env://${name}`, () => {
      const fail = () => resolveEnvironment({ key: `$env://${name}` }, environment)
      assert.throws(fail, { code: 'GW_CONFIG_REFERENCE' })
    })
  }
})
