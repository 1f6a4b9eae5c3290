import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import basicAuth from '../../src/plugins/basic-auth.ts'
import { fieldValue } from '../../src/support/header-fields.ts'
import { consumersOf } from '../helpers/consumer-directory.ts'
import { configure, createRequest, replyOf } from '../helpers/plugin-harness.ts'

const consumers = consumersOf(basicAuth, {
  ann: { username: 'ann', password: 'pass:word' },
  zoe: { username: 'zoë', password: 'pässe par tout' },
  guest: undefined,
})

async function ask(authorization: string | undefined, config = {}) {
  const headers = authorization === undefined ? [] : ['Authorization', authorization]
  const request = createRequest({ headers })
  const reply = await replyOf(configure(basicAuth, config, { consumers }), request)
  return { request, reply, who: request.consumer?.username }
}

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`

suite('basic-auth', () => {
  const good: [string, string, string][] = [
    ['with a colon in it', basic('ann:pass:word'), 'ann'],
    ['in UTF-8 with blanks', basic('zoë:pässe par tout'), 'zoe'],
    ['whose sender encoded a line end', basic('ann:pass:word\n'), 'ann'],
    [
      'under a scheme of other letter case',
      basic('ann:pass:word').replace('Basic', 'bASIC'),
      'ann',
    ],
    ['without padding', basic('ann:pass:word').replaceAll('=', ''), 'ann'],
  ]
  for (const [name, field, who] of good) {
    test(`takes a password ${name}`, async () => {
      const found = await ask(field)
      assert.deepEqual([found.reply, found.who], [undefined, who])
    })
  }

  const bad: [string, string | undefined, string][] = [
    ['nothing', undefined, 'Missing authorization in request'],
    ['an empty field', '', 'Invalid authorization in request'],
    ['another scheme', 'Bearer YW5uOnBhc3M=', 'Invalid authorization in request'],
    ['what is no base64', 'Basic a!b', 'Invalid authorization in request'],
    ['a cut group', 'Basic YW5uO', 'Invalid authorization in request'],
    ['no colon', basic('ann'), 'Invalid authorization in request'],
    ['an unknown user', basic('bob:pass:word'), 'Invalid user authorization'],
    ['a wrong password', basic('ann:pass'), 'Invalid user authorization'],
    ['no password', basic('ann:'), 'Invalid user authorization'],
    ['no user', basic(':pass:word'), 'Invalid user authorization'],
    ['the password of nobody', basic('bob:nobody has this password'), 'Invalid user authorization'],
  ]
  for (const [name, field, message] of bad) {
    test(`refuses ${name}`, async () => {
      assert.deepEqual((await ask(field)).reply, {
        status: 401,
        headers: { 'WWW-Authenticate': 'Basic realm="basic"' },
        body: { message },
      })
    })
  }

  test('keeps the credentials from the node, also those of the anonymous consumer', async () => {
    const config = { hide_credentials: true, anonymous_consumer: 'guest' }
    for (const [field, who] of [
      [basic('ann:pass:word'), 'ann'],
      [basic('ann:wrong'), 'guest'],
    ]) {
      const found = await ask(field, config)
      assert.equal(found.who, who)
      assert.equal(fieldValue(found.request.headers, 'authorization'), undefined)
    }
    const shown = await ask(basic('ann:pass:word'))
    assert.notEqual(fieldValue(shown.request.headers, 'authorization'), undefined)
  })
})
