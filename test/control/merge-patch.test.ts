import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { mergePatch, replaceAt } from '../../src/control/merge-patch.ts'

suite('mergePatch', () => {
  // The examples of RFC 7396, appendix A.
  const cases: [target: unknown, patch: unknown, result: unknown][] = [
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'b' }, ['c'], ['c']],
    [{ a: 'foo' }, null, null],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ]
  for (const [target, patch, result] of cases) {
    test(`${JSON.stringify(target)} + ${JSON.stringify(patch)}`, () => {
      const before = structuredClone(target)
      assert.deepEqual(mergePatch(target, patch), result)
      assert.deepEqual(target, before)
    })
  }

  test('a __proto__ key stays a visible field and pollutes nothing', () => {
    const merged = mergePatch({}, JSON.parse('{"__proto__":{"polluted":1}}')) as object
    assert.ok(Object.hasOwn(merged, '__proto__'))
    assert.equal((merged as { polluted?: number }).polluted, undefined)
  })
})

suite('replaceAt', () => {
  const target = { a: { b: { c: 1 } }, list: [1] }
  const cases: [path: string[], value: unknown, result: object | string][] = [
    [['a', 'b'], 2, { a: { b: 2 }, list: [1] }],
    [['a', 'b', 'c'], null, { a: { b: {} }, list: [1] }],
    [['x', 'y'], 1, { ...target, x: { y: 1 } }],
    [['list'], [], { ...target, list: [] }],
    [['list', '0'], 9, '/list'],
    [['a', 'b', 'c', 'd'], 9, '/a/b/c'],
    [['__proto__', 'x'], 1, '/__proto__'],
    [['__proto__'], {}, '/__proto__'],
    [['a', '__proto__'], {}, '/a/__proto__'],
  ]
  for (const [path, value, result] of cases) {
    test(`/${path.join('/')} = ${JSON.stringify(value)}`, () => {
      const before = structuredClone(target)
      const replaced = replaceAt(target, path, value)
      assert.deepEqual(replaced.ok ? replaced.value : replaced.path, result)
      assert.deepEqual(target, before)
    })
  }
})
