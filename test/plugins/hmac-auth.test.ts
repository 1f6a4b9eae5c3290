import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { suite, test } from 'node:test'
import hmacAuth from '../../src/plugins/hmac-auth.ts'
import { fieldValue } from '../../src/support/header-fields.ts'
import { consumersOf } from '../helpers/consumer-directory.ts'
import { configure, createRequest, type RequestFacts, replyOf } from '../helpers/plugin-harness.ts'

const NOW = Date.parse('2026-03-01T12:00:00Z')
const DATE = 'Sun, 01 Mar 2026 12:00:00 GMT'
const SECRET = 'ann-secret'

const consumers = consumersOf(hmacAuth, {
  ann: { key_id: 'ann-id', secret_key: SECRET },
  guest: undefined,
})

interface Signing {
  keyId?: string
  secret?: string
  algorithm?: string
  lines?: string[]
  headers?: string
}

/** An Authorization field, signed as a client of APISIX signs. */
function sign({
  keyId = 'ann-id',
  secret = SECRET,
  algorithm = 'hmac-sha256',
  lines = ['GET /?a=1', `date: ${DATE}`],
  headers = '@request-target date',
}: Signing = {}): string {
  const text = [keyId, ...lines, ''].join('\n')
  const signature = createHmac(algorithm.slice(5), secret).update(text, 'latin1').digest('base64')
  return `Signature keyId="${keyId}",algorithm="${algorithm}",headers="${headers}",signature="${signature}"`
}

async function ask(field: string | undefined, config = {}, facts: RequestFacts = {}) {
  const authorization = field === undefined ? [] : ['Authorization', field]
  const { headers = ['Date', DATE], ...more } = facts
  const request = createRequest({
    target: '/?a=1',
    headers: [...headers, ...authorization],
    ...more,
  })
  const instance = configure(hmacAuth, config, { consumers, now: () => NOW + 999 })
  const reply = await replyOf(instance, request)
  return { request, reply, who: request.consumer?.username }
}

const refused = (message = "client request can't be validated") => ({
  status: 401,
  headers: { 'WWW-Authenticate': 'hmac realm="hmac"' },
  body: { message },
})

suite('hmac-auth', () => {
  for (const algorithm of ['hmac-sha1', 'hmac-sha256', 'hmac-sha512']) {
    test(`takes signatures of ${algorithm}`, async () => {
      const found = await ask(sign({ algorithm }))
      assert.deepEqual([found.reply, found.who], [undefined, 'ann'])
    })
  }

  test('signs all values of a field; one that is not there is left out', async () => {
    const lines = [`date: ${DATE}`, 'X-A: 1, 2']
    const headers = ['Date', DATE, 'x-a', '1', 'x-a', '2']
    const field = sign({ lines, headers: 'date X-A x-none' })
    assert.equal((await ask(field, {}, { headers })).who, 'ann')
    assert.deepEqual((await ask(field, {}, { headers: [...headers, 'x-a', '3'] })).reply, refused())
  })

  const good = sign()
  const bad: [string, string | undefined, string | undefined][] = [
    ['nothing', undefined, 'missing Authorization header'],
    ['another scheme', 'Basic x', "Authorization header does not start with 'Signature'"],
    ['no parameters', 'Signature', undefined],
    ['no signature', 'Signature keyId="ann-id",algorithm="hmac-sha256",headers="date"', undefined],
    ['no algorithm', good.replace('algorithm', 'algo'), undefined],
    ['an unknown algorithm', good.replace('hmac-sha256', 'hmac-md5'), undefined],
    ['a property of all objects', good.replace('hmac-sha256', 'constructor'), undefined],
    ['an unknown key', sign({ keyId: 'nobody' }), undefined],
    ['nobody’s secret', sign({ keyId: 'nobody', secret: 'nobody has this secret' }), undefined],
    ['a wrong secret', sign({ secret: 'wrong' }), undefined],
    ['a signature of another target', sign({ lines: ['GET /', `date: ${DATE}`] }), undefined],
    ['an unsigned date', sign({ lines: ['GET /?a=1'], headers: '@request-target' }), undefined],
    ['another signature of the list', good.replace('@request-target date', 'date'), undefined],
  ]
  for (const [name, field, why] of bad) {
    test(`refuses ${name}`, async () => {
      const message = why && `client request can't be validated: ${why}`
      assert.deepEqual((await ask(field)).reply, refused(message))
    })
  }

  const dates: [string, object, boolean][] = [
    ['Sun, 01 Mar 2026 11:55:00 GMT', {}, true],
    ['Sun, 01 Mar 2026 11:54:59 GMT', {}, false],
    ['Sun, 01 Mar 2026 12:05:00 GMT', {}, true],
    ['Sun, 01 Mar 2026 12:05:01 GMT', {}, false],
    ['Sun, 01 Mar 2026 12:00:10 GMT', { clock_skew: 9 }, false],
    ['2026-03-01T12:00:00Z', {}, false],
    ['', {}, false],
  ]
  for (const [date, config, passes] of dates) {
    test(`a date of "${date}" ${passes ? 'passes' : 'is too far away'}`, async () => {
      const field = sign({ lines: ['GET /?a=1', `date: ${date}`] })
      const { reply } = await ask(field, config, { headers: ['Date', date] })
      assert.deepEqual(reply, passes ? undefined : refused())
    })
  }

  test('takes only what the route allows, and all that it asks for', async () => {
    const weak = sign({ algorithm: 'hmac-sha1' })
    assert.deepEqual((await ask(weak, { allowed_algorithms: ['hmac-sha256'] })).reply, refused())
    assert.deepEqual((await ask(good, { signed_headers: ['date', 'x-a'] })).reply, refused())
    const target = { signed_headers: ['date', '@request-target'] }
    assert.equal((await ask(good, target)).who, 'ann')
  })

  test('holds the body against its digest', async () => {
    const config = { validate_request_body: true, max_req_body_size: 10 }
    const digest = `SHA-256=${createHash('sha256').update('hello').digest('base64')}`
    const headers = ['Date', DATE, 'Digest', digest]
    const facts = { headers, body: 'hello', target: '/?a=1' }
    assert.equal((await ask(good, config, facts)).who, 'ann')
    assert.deepEqual((await ask(good, config, { ...facts, body: 'other' })).reply, refused())
    assert.deepEqual(
      (await ask(good, config, { ...facts, headers: ['Date', DATE] })).reply,
      refused(),
    )
    await assert.rejects(
      ask(good, config, { ...facts, body: 'hello, hello' }),
      /large|limit|bytes/i,
    )
    const none = `SHA-256=${createHash('sha256').digest('base64')}`
    const empty = { headers: ['Date', DATE, 'Digest', none] }
    assert.equal((await ask(good, config, empty)).who, 'ann')
  })

  test('hides the signature; strangers may be the anonymous consumer', async () => {
    const config = { hide_credentials: true, anonymous_consumer: 'guest' }
    const known = await ask(good, config)
    assert.deepEqual(
      [known.who, fieldValue(known.request.headers, 'authorization')],
      ['ann', undefined],
    )
    const stranger = await ask(sign({ secret: 'x' }), config)
    assert.equal(stranger.who, 'guest')
    assert.equal(fieldValue(stranger.request.headers, 'authorization'), undefined)
  })
})
