import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { compileLogLine } from '../../../src/worker/access-log/log-line.ts'
import { type RequestFacts, requestContext } from '../../helpers/request-context.ts'

type Escape = 'default' | 'json' | 'none'

function line(format: string, facts: RequestFacts = {}, mode: Escape = 'default'): string {
  return compileLogLine({ format, escape: mode })(requestContext(facts))
}

const EVIL = 'a"\\\n\u0001é'

suite('lines of the access log', () => {
  const cases: {
    name: string
    format: string
    facts?: RequestFacts
    escape?: Escape
    line: string
  }[] = [
    {
      name: 'text and variables',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of the format
      format: '[$status] ${request_method}.',
      facts: { status: 204 },
      line: '[204] GET.',
    },
    { name: 'no variables', format: 'x', line: 'x' },
    { name: 'what is not there is a hyphen', format: '"$http_referer" $route_id', line: '"-" -' },
    { name: 'a client that left', format: '$status', facts: { status: 0 }, line: '499' },
    {
      name: 'default escape',
      format: '$http_a',
      facts: { headers: ['a', EVIL] },
      line: 'a\\x22\\x5C\\x0A\\x01\\xC3\\xA9',
    },
    {
      name: 'json escape',
      format: '{"a":"$http_a","b":"$http_b"}',
      facts: { headers: ['a', EVIL] },
      escape: 'json',
      line: '{"a":"a\\"\\\\\\n\\u0001é","b":""}',
    },
    {
      name: 'no escape keeps lines whole',
      format: '$http_a',
      facts: { headers: ['a', 'x\r\ny'] },
      escape: 'none',
      line: 'x  y',
    },
  ]
  for (const { name, format, facts, escape: mode, line: expected } of cases) {
    test(name, () => assert.equal(line(format, facts, mode), expected))
  }

  test('a JSON format is JSON whatever clients send', () => {
    const text = line('{"a":"$http_a"}', { headers: ['a', EVIL] }, 'json')
    assert.deepEqual(JSON.parse(text), { a: EVIL })
  })
})
