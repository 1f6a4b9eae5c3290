import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Reply } from '../../src/plugins/contract.ts'
import mocking from '../../src/plugins/mocking.ts'
import { configure, createRequest, replyOf } from '../helpers/plugin-harness.ts'

async function answer(config: Record<string, unknown>, target = '/'): Promise<Reply> {
  const reply = await replyOf(configure(mocking, config), createRequest({ target }))
  assert.ok(reply)
  return reply
}

function schemaOf(properties: object): Record<string, unknown> {
  return { response_schema: { type: 'object', properties } }
}

suite('mocking', () => {
  test('answers with an example, in which variables count', async () => {
    const config = {
      content_type: 'text/plain',
      response_status: 201,
      response_example: 'remote_addr:$remote_addr empty:$foo',
      response_headers: { 'X-A': 'is, cool', 'X-B': '$arg_b', 'X-N': 3 },
    }
    const { status, headers, body } = await answer(config, '/?b=1%0d%0aX:y')
    assert.equal(status, 201)
    assert.equal(body, 'remote_addr:192.0.2.1 empty:')
    const { 'x-mock-by': mock, ...rest } = headers ?? {}
    assert.match(String(mock), /^Holdfast\//)
    assert.deepEqual(rest, {
      'Content-Type': 'text/plain',
      'X-A': 'is, cool',
      'X-B': '1X:y',
      'X-N': '3',
    })
  })

  test('the usual answer is JSON; the header may stay away', async () => {
    const { status, headers } = await answer({ response_example: '{}', with_mock_header: false })
    assert.equal(status, 200)
    assert.deepEqual(headers, { 'Content-Type': 'application/json;charset=utf8' })
  })

  const examples: [string, object, unknown][] = [
    ['text', { type: 'string', example: 'hello' }, 'hello'],
    ['text with a variable', { type: 'string', example: '"$remote_addr"' }, '"192.0.2.1"'],
    ['an integer', { type: 'integer', example: 4.9 }, 4],
    ['a number', { type: 'number', example: 5.5 }, 5.5],
    ['a boolean', { type: 'Boolean', example: false }, false],
    ['an object', { type: 'object', properties: { a: { type: 'integer', example: 1 } } }, { a: 1 }],
    ['an empty object', { type: 'object' }, {}],
    ['a list of nothing', { type: 'array' }, undefined],
  ]
  for (const [name, property, expected] of examples) {
    test(`makes ${name} of a schema`, async () => {
      const { body } = await answer(schemaOf({ field: property }))
      assert.deepEqual(JSON.parse(String(body)).field, expected)
    })
  }

  test('makes up what has no example', async () => {
    const config = schemaOf({
      text: { type: 'string', example: 1 },
      integer: { type: 'integer' },
      number: { type: 'number' },
      boolean: { type: 'boolean' },
      list: { type: 'array', items: { type: 'integer', example: 7 } },
    })
    for (let i = 0; i < 50; i++) {
      const made = JSON.parse(String((await answer(config)).body))
      assert.match(made.text, /^[a-z]{1,10}$/)
      assert.ok(Number.isInteger(made.integer) && made.integer >= 1 && made.integer <= 10_000)
      assert.ok(made.number >= 0 && made.number < 10_000)
      assert.equal(typeof made.boolean, 'boolean')
      assert.ok(made.list.length >= 1 && made.list.length <= 3)
      assert.deepEqual(new Set(made.list), new Set([7]))
    }
  })

  test('writes XML', async () => {
    const item = { type: 'object', properties: { b: { type: 'string', example: '<&>' } } }
    const shape = schemaOf({ a: item, c: { type: 'integer', example: 1 } })
    const { body } = await answer({ ...shape, content_type: 'text/xml; charset=utf-8' })
    assert.equal(body, '<data><a><b>&lt;&amp;&gt;</b></a><c>1</c></data>')
  })

  test('waits', async () => {
    const startedAt = performance.now()
    await answer({ response_example: 'x', delay: 1 })
    assert.ok(performance.now() - startedAt >= 990)
  })

  const refusals: [string, Record<string, unknown>, RegExp][] = [
    ['no body', {}, /at least one of/],
    [
      'another type',
      { response_example: '', content_type: 'image/png' },
      /unsupported content type!/,
    ],
    [
      'a line end in the type',
      { response_example: '', content_type: 'text/xml;\r\na:b' },
      /invalid value/,
    ],
    [
      'a schema for HTML',
      { ...schemaOf({}), content_type: 'text/html' },
      /only support xml and json/,
    ],
    ['a property without a type', schemaOf({ a: {} }), /"a" needs a type/],
    ['a property that is none', schemaOf({ a: 1 }), /"a" must be an object/],
    [
      'a bad header',
      { response_example: '', response_headers: { 'a b': '' } },
      /invalid field character/,
    ],
  ]
  for (const [name, config, reason] of refusals) {
    test(`refuses ${name}`, () => assert.throws(() => configure(mocking, config), reason))
  }
})
