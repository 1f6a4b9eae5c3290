import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import keyAuth from '../../src/plugins/key-auth.ts'
import { fieldValue } from '../../src/support/header-fields.ts'
import { consumersOf } from '../helpers/consumer-directory.ts'
import { configure, createRequest, type RequestFacts, replyOf } from '../helpers/plugin-harness.ts'

const consumers = consumersOf(keyAuth, {
  ann: { key: 'ann-key' },
  zoe: { key: 'zoë' },
  guest: undefined,
})

async function ask(facts: RequestFacts, config = {}) {
  const request = createRequest(facts)
  const reply = await replyOf(configure(keyAuth, config, { consumers }), request)
  return { request, reply, who: request.consumer?.username }
}

const refused = (message: string, realm = 'key') => ({
  status: 401,
  headers: { 'WWW-Authenticate': `apikey realm="${realm}"` },
  body: { message },
})

suite('key-auth', () => {
  const good: [string, RequestFacts, object, string][] = [
    ['in the field', { headers: ['ApiKey', 'ann-key'] }, {}, 'ann'],
    ['in the argument', { target: '/?apikey=ann-key' }, {}, 'ann'],
    ['in another field', { headers: ['x-key', 'ann-key'] }, { header: 'X-Key' }, 'ann'],
    ['in another argument', { target: '/?k=ann-key' }, { query: 'k' }, 'ann'],
    ['beyond ASCII, as UTF-8', { headers: ['apikey', 'zo\xc3\xab'] }, {}, 'zoe'],
    ['escaped', { target: '/?apikey=zo%C3%AB' }, {}, 'zoe'],
  ]
  for (const [name, facts, config, who] of good) {
    test(`finds a key ${name}`, async () => {
      const found = await ask(facts, config)
      assert.deepEqual([found.reply, found.who], [undefined, who])
      assert.equal(fieldValue(found.request.headers, 'x-consumer-username'), who)
    })
  }

  const bad: [string, RequestFacts, string][] = [
    ['no key', {}, 'Missing API key in request'],
    ['an unknown key', { headers: ['apikey', 'nobody'] }, 'Invalid API key in request'],
    ['an empty key', { headers: ['apikey', ''] }, 'Invalid API key in request'],
    ['an argument without value', { target: '/?apikey' }, 'Invalid API key in request'],
    ['several arguments', { target: '/?apikey=ann-key&apikey=zoe' }, 'Invalid API key in request'],
    [
      'a wrong field in spite of a right argument',
      { target: '/?apikey=ann-key', headers: ['apikey', 'x'] },
      'Invalid API key in request',
    ],
    [
      'a property of all objects',
      { headers: ['apikey', '__proto__'] },
      'Invalid API key in request',
    ],
  ]
  for (const [name, facts, message] of bad) {
    test(`refuses ${name}`, async () => {
      assert.deepEqual((await ask(facts)).reply, refused(message))
    })
  }

  test('names its realm', async () => {
    const { reply } = await ask({}, { realm: 'partners' })
    assert.deepEqual(reply, refused('Missing API key in request', 'partners'))
  })

  test('keeps the key from the node, whatever it is written like', async () => {
    const field = await ask({ headers: ['ApiKey', 'ann-key'] }, { hide_credentials: true })
    assert.equal(fieldValue(field.request.headers, 'apikey'), undefined)
    const target = '/a%20b?x=%20&%61pikey=ann-key&y'
    const argument = await ask({ target }, { hide_credentials: true })
    assert.equal(argument.request.forwardTarget, '/a%20b?x=%20&y')
    const shown = await ask({ target })
    assert.equal(shown.request.forwardTarget, target)
  })

  test('lets strangers in as the anonymous consumer, without their keys', async () => {
    const config = { anonymous_consumer: 'guest', hide_credentials: true }
    const facts = { headers: ['apikey', 'nobody'], target: '/?apikey=other' }
    const { request, reply, who } = await ask(facts, config)
    assert.deepEqual([reply, who, request.forwardTarget], [undefined, 'guest', '/'])
    assert.equal(fieldValue(request.headers, 'apikey'), undefined)
  })

  test('refuses strangers while the anonymous consumer is not there', async () => {
    const { reply } = await ask({}, { anonymous_consumer: 'nobody' })
    assert.deepEqual(reply, refused('Invalid user authorization'))
  })
})
