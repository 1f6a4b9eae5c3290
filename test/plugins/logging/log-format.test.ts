import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { compileLogFormat, showsRequestBody } from '../../../src/plugins/logging/log-format.ts'
import { requestContext } from '../../helpers/request-context.ts'

const BODIES = { request: 'the body', response: undefined }

suite('log formats', () => {
  test('variables, texts, numbers, nested formats', () => {
    const format = compileLogFormat({
      who: '$remote_addr',
      text: 'plain',
      n: 7,
      list: ['$host'],
      none: '$route_id',
      more: { host: '$host', body: '$request_body' },
    })
    const entry = format(requestContext(), BODIES)
    assert.deepEqual(JSON.parse(JSON.stringify(entry)), {
      who: '192.0.2.7',
      text: 'plain',
      n: 7,
      list: ['$host'],
      more: { host: 'example.com', body: 'the body' },
    })
  })

  test('the status is a number, if there is one', () => {
    const format = compileLogFormat({ response: { status: '$status' } })
    const statusOf = (status: number) => JSON.stringify(format(requestContext({ status }), BODIES))
    assert.equal(statusOf(404), '{"response":{"status":404}}')
    assert.equal(statusOf(0), '{"response":{}}')
  })

  test('five levels are taken, six are refused', () => {
    const nested = (depth: number): Record<string, unknown> =>
      depth === 0 ? {} : { next: nested(depth - 1) }
    assert.doesNotThrow(() => compileLogFormat(nested(4)))
    assert.throws(() => compileLogFormat(nested(5)), /nested more than 5 deep/)
  })

  test('a field called __proto__ is a field', () => {
    const format = compileLogFormat(JSON.parse('{"__proto__":"$host"}'))
    assert.equal(JSON.stringify(format(requestContext(), BODIES)), '{"__proto__":"example.com"}')
  })

  test('says if it shows the body', () => {
    assert.equal(showsRequestBody({ a: { b: '$request_body' } }), true)
    assert.equal(showsRequestBody({ a: ['$request_body'], b: 'request_body' }), false)
    assert.equal(showsRequestBody(undefined), false)
  })
})
