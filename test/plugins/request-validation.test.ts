import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import requestValidation from '../../src/plugins/request-validation.ts'
import { configure, createRequest, type RequestFacts, replyOf } from '../helpers/plugin-harness.ts'

const body_schema = {
  $schema: 'http://json-schema.org/draft-04/schema#',
  type: 'object',
  required: ['size'],
  properties: {
    size: { type: 'integer', minimum: 1 },
    color: { enum: ['red', 'blue'] },
    note: { type: 'string', pattern: '^(a+)+$' },
    lang: { type: 'string', default: 'en' },
  },
}

const post = (body: string | undefined, type = 'application/json'): RequestFacts => ({
  method: 'POST',
  headers: ['Content-Type', type],
  ...(body !== undefined && { body }),
})

const reply = (config: Record<string, unknown>, facts: RequestFacts) =>
  replyOf(configure(requestValidation, config), createRequest(facts))

suite('request-validation', () => {
  const cases = [
    { name: 'a valid body', facts: post('{"size":1}'), reason: undefined },
    { name: 'a field too few', facts: post('{}'), reason: /property "size" is required/ },
    {
      name: 'a wrong type',
      facts: post('{"size":"1"}'),
      reason: /property "size" validation failed/,
    },
    { name: 'no JSON', facts: post('{'), reason: /failed to decode/ },
    { name: 'no body', facts: post(undefined), reason: /missing request body/ },
    {
      name: 'two content types',
      facts: { ...post('{"size":1}'), headers: ['content-type', 'a/b', 'Content-Type', 'c/d'] },
      reason: /duplicated Content-Type/,
    },
  ]
  for (const { name, facts, reason } of cases) {
    test(name, async () => {
      const answer = await reply({ body_schema }, facts)
      assert.equal(answer?.status, reason === undefined ? undefined : 400)
      if (reason !== undefined) assert.match(String(answer?.body), reason)
    })
  }

  test('forms are objects of texts and lists', async () => {
    const form = {
      type: 'object',
      properties: { a: { type: 'string' }, b: { type: 'array' } },
      required: ['a'],
    }
    const type = 'application/x-www-form-urlencoded; charset=utf-8'
    assert.equal(await reply({ body_schema: form }, post('a=1&b=2&b=3', type)), undefined)
    assert.equal((await reply({ body_schema: form }, post('a=1&b=2', type)))?.status, 400)
  })

  test('the node gets what was checked, with defaults', async () => {
    const request = createRequest(post('{"size":1,"size":2 }'))
    assert.equal(await replyOf(configure(requestValidation, { body_schema }), request), undefined)
    assert.equal(request.bodyBytes?.toString(), '{"size":2,"lang":"en"}')
  })

  test('headers are checked by lower-case name', async () => {
    const header_schema = {
      type: 'object',
      required: ['x-a'],
      properties: { 'x-a': { minLength: 2 } },
    }
    assert.equal(await reply({ header_schema }, { headers: ['X-A', 'ab'] }), undefined)
    assert.equal((await reply({ header_schema }, { headers: ['X-A', 'a'] }))?.status, 400)
    assert.equal((await reply({ header_schema }, {}))?.status, 400)
  })

  test('code and message are configured', async () => {
    const config = { body_schema, rejected_code: 422, rejected_msg: 'no' }
    assert.deepEqual(await reply(config, post('{}')), { status: 422, body: 'no' })
  })

  test('a body that is too large is refused by the engine', async () => {
    const promise = reply({ body_schema, max_req_body_size: 5 }, post('{"size":1}'))
    await assert.rejects(promise, /larger than 5 bytes/)
  })

  test('a hostile value against a hostile pattern costs little', async () => {
    const startedAt = performance.now()
    const note = `${'a'.repeat(20_000)}!`
    assert.equal(
      (await reply({ body_schema }, post(JSON.stringify({ size: 1, note }))))?.status,
      400,
    )
    assert.ok(performance.now() - startedAt < 2_000)
  })

  test('refuses what is no schema', () => {
    assert.throws(
      () => configure(requestValidation, { body_schema: { type: 'nothing' } }),
      /not a JSON Schema/,
    )
  })
})
