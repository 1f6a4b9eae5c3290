import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import requestId from '../../src/plugins/request-id.ts'
import { fieldValue } from '../../src/support/header-fields.ts'
import { configure, createRequest, filterResponse } from '../helpers/plugin-harness.ts'

const NOW = Date.parse('2026-01-02T03:04:05Z')

function idFor(config: Record<string, unknown>, headers: string[] = []) {
  const instance = configure(requestId, config, { now: () => NOW })
  const request = createRequest({ headers })
  void instance.rewrite?.(request)
  return { instance, request, id: fieldValue(request.headers, 'x-request-id') ?? '' }
}

suite('request-id', () => {
  const forms = [
    {
      algorithm: 'uuid',
      form: /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    },
    {
      algorithm: 'uuidv7',
      form: /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    },
    { algorithm: 'nanoid', form: /^[\w-]{21}$/ },
    { algorithm: 'ksuid', form: /^[0-9A-Za-z]{27}$/ },
    { algorithm: 'range_id', form: /^[0-9A-Za-z]{16}$/ },
  ]
  for (const { algorithm, form } of forms) {
    test(`${algorithm} makes ids of its form, each another`, () => {
      const { id } = idFor({ algorithm })
      assert.match(id, form)
      assert.notEqual(idFor({ algorithm }).id, id)
    })
  }

  test('uuidv7 and ksuid begin with the time', () => {
    const seven = idFor({ algorithm: 'uuidv7' }).id.replaceAll('-', '').slice(0, 12)
    assert.equal(Number.parseInt(seven, 16), NOW)
    const later = configure(requestId, { algorithm: 'ksuid' }, { now: () => NOW + 5_000_000 })
    const request = createRequest()
    void later.rewrite?.(request)
    assert.ok(
      (fieldValue(request.headers, 'x-request-id') ?? '') > idFor({ algorithm: 'ksuid' }).id,
    )
  })

  test('range_id keeps to its characters', () => {
    const config = { algorithm: 'range_id', range_id: { char_set: 'ab-cd-', length: 40 } }
    assert.match(idFor(config).id, /^[abcd-]{40}$/)
  })

  test('keeps the id of the client, and makes one in place of an empty one', () => {
    assert.equal(idFor({}, ['X-Request-ID', 'mine']).id, 'mine')
    assert.match(idFor({}, ['X-Request-ID', '']).id, /^[0-9a-f-]{36}$/)
  })

  test('sends the id back, unless the node has one or it is not wanted', async () => {
    const { instance, request, id } = idFor({})
    const answered = await filterResponse(instance, request, {})
    assert.equal(fieldValue(answered.headers, 'x-request-id'), id)
    const own = await filterResponse(instance, request, { headers: ['x-request-id', 'theirs'] })
    assert.deepEqual(own.headers, ['x-request-id', 'theirs'])
    const silent = idFor({ include_in_response: false })
    const quiet = await filterResponse(silent.instance, silent.request, {})
    assert.deepEqual(quiet.headers, [])
  })

  test('uses another header, and tells logs', () => {
    const instance = configure(requestId, { header_name: 'X-Trace' })
    const request = createRequest()
    void instance.rewrite?.(request)
    const id = fieldValue(request.headers, 'x-trace')
    assert.equal(request.getVariable('apisix_request_id'), id)
  })
})
