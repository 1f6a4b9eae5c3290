import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import csrf from '../../src/plugins/csrf.ts'
import { fieldValue } from '../../src/support/header-fields.ts'
import { configure, createRequest, filterResponse, replyOf } from '../helpers/plugin-harness.ts'

const NOW = Date.parse('2026-01-02T03:04:05Z')
const NAME = 'apisix-csrf-token'

/** A token as the plugin gives it out, and its whole cookie. */
async function issue(key = 'secret', at = NOW) {
  const instance = configure(csrf, { key }, { now: () => at })
  const { headers } = await filterResponse(instance, createRequest(), {})
  const cookie = fieldValue(headers, 'set-cookie') ?? ''
  return { cookie, token: cookie.slice(NAME.length + 1, cookie.indexOf(';')) }
}

/** Why a POST is refused; undefined = it passes. */
async function refusal(
  header: string | undefined,
  cookie: string | undefined,
  config = {},
  method = 'POST',
) {
  const instance = configure(csrf, { key: 'secret', ...config }, { now: () => NOW + 60_000 })
  const headers = [
    ...(header === undefined ? [] : [NAME, header]),
    ...(cookie === undefined ? [] : ['Cookie', `a=b; ${NAME}=${cookie}`]),
  ]
  const reply = await replyOf(instance, createRequest({ method, headers }))
  if (reply !== undefined) assert.equal(reply.status, 401)
  return (reply?.body as { error_msg: string } | undefined)?.error_msg
}

suite('csrf', () => {
  test('sets a cookie with a token', async () => {
    const { cookie } = await issue()
    assert.match(
      cookie,
      /^apisix-csrf-token=[\w+/]+={0,2};path=\/;SameSite=Lax;Expires=Fri, 02 Jan 2026 05:04:05 GMT$/,
    )
  })

  test('lets a request pass that brings the token twice, and safe methods', async () => {
    const { token } = await issue()
    assert.equal(await refusal(token, token), undefined)
    for (const method of ['GET', 'HEAD', 'OPTIONS']) {
      assert.equal(await refusal(undefined, undefined, {}, method), undefined)
    }
  })

  test('refuses everything else, saying why', async () => {
    const { token } = await issue()
    const { token: forged } = await issue('other')
    const { token: second } = await issue()
    const { token: old } = await issue('secret', NOW - 7_200_000)
    const bad = 'Failed to verify the csrf token signature'
    const cases = [
      { header: undefined, cookie: token, message: 'no csrf token in headers' },
      { header: '', cookie: token, message: 'no csrf token in headers' },
      { header: token, cookie: undefined, message: 'no csrf cookie' },
      { header: token, cookie: second, message: 'csrf token mismatch' },
      { header: forged, cookie: forged, message: bad },
      { header: old, cookie: old, message: bad },
      { header: 'x', cookie: 'x', message: bad },
      {
        header: Buffer.from('null').toString('base64'),
        cookie: Buffer.from('null').toString('base64'),
        message: bad,
      },
      {
        header: Buffer.from('{"random":{},"expires":"1","sign":1}').toString('base64'),
        cookie: Buffer.from('{"random":{},"expires":"1","sign":1}').toString('base64'),
        message: bad,
      },
    ]
    for (const { header, cookie, message } of cases) {
      assert.equal(await refusal(header, cookie), message)
    }
  })

  test('takes tokens of APISIX, which has numbers for random', async () => {
    const { createHash } = await import('node:crypto')
    const expires = NOW / 1000
    const sign = createHash('sha256')
      .update(`{expires:${expires},random:0.5,key:secret}`)
      .digest('hex')
    const token = Buffer.from(JSON.stringify({ random: 0.5, expires, sign })).toString('base64')
    assert.equal(await refusal(token, token), undefined)
  })

  test('a token without end', async () => {
    const { token } = await issue('secret', NOW - 1e12)
    assert.equal(await refusal(token, token, { expires: 0 }), undefined)
  })
})
