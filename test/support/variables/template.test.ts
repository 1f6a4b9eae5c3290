// biome-ignore-all lint/suspicious/noTemplateCurlyInString: templates of ours, not of JavaScript
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { compileTemplate } from '../../../src/support/variables/template.ts'
import { requestContext } from '../../helpers/request-context.ts'

suite('templates', () => {
  const request = requestContext({ target: '/a?x=1', variables: { greeting: 'hi $host' } })
  const cases: [text: string, expected: string][] = [
    ['plain', 'plain'],
    ['', ''],
    ['$uri', '/a'],
    ['${uri}', '/a'],
    ['${ uri }!', '/a!'],
    ['a-$arg_x-b', 'a-1-b'],
    ['$scheme://$host$request_uri', 'http://example.com/a?x=1'],
    ['${arg_y ?? none}', 'none'],
    ['${arg_x ?? none}', '1'],
    ['<$arg_y>', '<>'],
    ['\\$uri', '\\$uri'],
    ['5$', '5$'],
    ['$ uri', '$ uri'],
    ['$host.example', ''],
    ['${host}.example', 'example.com.example'],
    ['$greeting', 'hi $host'],
  ]
  for (const [text, expected] of cases) {
    test(`${text} gives ${expected}`, () => {
      assert.equal(compileTemplate(text)(request), expected)
    })
  }

  test('values are encoded, the text around them is not', () => {
    const template = compileTemplate('/x y/$uri/${arg_y ?? c d}', encodeURIComponent)
    assert.equal(template(request), '/x y/%2Fa/c%20d')
  })
})
