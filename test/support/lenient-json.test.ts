import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { parseLenientJson } from '../../src/support/lenient-json.ts'

suite('lenient json', () => {
  const accepted: [text: string, value: unknown][] = [
    ['{"a":"one\ntwo\tthree\r\n"}', { a: 'one\ntwo\tthree\r\n' }],
    ['\n{\n\t"a" :\r\n"\u0001\\n"}\n', { a: '\u0001\n' }],
    ['["\\"\n\\\\","\n"]', ['"\n\\', '\n']],
    ['{"a\nb":"ä\n€😀"}', { 'a\nb': 'ä\n€😀' }],
  ]
  for (const [text, value] of accepted) {
    test(`${JSON.stringify(text)} is taken`, () => {
      assert.deepEqual(parseLenientJson(text), value)
    })
  }

  const refused = ['{"a":"\n"', '{"a":"\\\n"}', '["\0\n"]', '["\n]', '\u0001"\n"', '["\n" "\n"]']
  for (const text of refused) {
    test(`${JSON.stringify(text)} is refused`, () => {
      assert.throws(() => parseLenientJson(text), SyntaxError)
    })
  }

  test('the error is of what is wrong besides', () => {
    assert.throws(() => parseLenientJson('{"a":"\n\n\n", b:1}'), /at position 12/)
  })
})
