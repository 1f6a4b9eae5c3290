import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import echo from '../../src/plugins/echo.ts'
import { configure, createRequest, filterResponse } from '../helpers/plugin-harness.ts'

const HEADERS = ['ETag', '"1"', 'Last-Modified', 'x', 'Content-Encoding', 'gzip', 'Location', 'a']

async function answer(config: Record<string, unknown>, body = 'hello') {
  const filtered = await filterResponse(configure(echo, config), createRequest(), {
    headers: HEADERS,
    body,
  })
  return { headers: filtered.headers, text: filtered.body.toString() }
}

suite('echo', () => {
  const cases: [string, Record<string, unknown>, string, string][] = [
    ['before', { before_body: '<' }, 'hello', '<hello'],
    ['after', { after_body: '>' }, 'hello', 'hello>'],
    ['around', { before_body: '<', after_body: '>' }, 'hello', '<hello>'],
    ['around nothing', { before_body: '<', after_body: '>' }, '', '<>'],
    ['instead', { body: 'new' }, 'hello', 'new'],
    ['all', { before_body: '<', body: 'new', after_body: '>' }, 'hello', '<new>'],
  ]
  for (const [name, config, body, expected] of cases) {
    test(name, async () => assert.equal((await answer(config, body)).text, expected))
  }

  test('headers are set, an empty one removed; the old body is forgotten', async () => {
    const { headers } = await answer({ body: '', headers: { location: 'b', 'X-N': 1, ETag: '' } })
    assert.deepEqual(headers, ['Location', 'b', 'X-N', '1'])
  })

  test('refusals', () => {
    assert.throws(() => configure(echo, { headers: { a: 'b' } }), /at least one of/)
    assert.throws(() => configure(echo, { body: '', headers: { '': 'b' } }), /invalid field length/)
    assert.throws(() => configure(echo, { body: '', headers: { a: 'b\n' } }), /invalid value/)
    assert.throws(
      () => configure(echo, { body: '', headers: { Connection: 'x' } }),
      /gateway itself/,
    )
  })
})
