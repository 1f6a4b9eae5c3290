import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import uaRestriction from '../../src/plugins/ua-restriction.ts'
import { configure, createRequest, replyOf } from '../helpers/plugin-harness.ts'

suite('ua-restriction', () => {
  const denylist = ['my-bot2', '(?i)Baiduspider/\\d']
  const allowlist = ['^curl/', 'good']
  const cases = [
    { name: 'denied', config: { denylist }, agents: ['my-bot2'], status: 403 },
    {
      name: 'denied in another case',
      config: { denylist },
      agents: ['baiduspider/3'],
      status: 403,
    },
    { name: 'not denied', config: { denylist }, agents: ['my-bot1'], status: undefined },
    { name: 'one of two is denied', config: { denylist }, agents: ['a', 'my-bot2'], status: 403 },
    {
      name: 'allowed, with white space',
      config: { allowlist },
      agents: ['  curl/8'],
      status: undefined,
    },
    { name: 'not allowed', config: { allowlist }, agents: ['xcurl/8'], status: 403 },
    { name: 'missing', config: { denylist }, agents: [], status: 403 },
    {
      name: 'missing, which may be',
      config: { allowlist, bypass_missing: true },
      agents: [],
      status: undefined,
    },
  ]
  for (const { name, config, agents, status } of cases) {
    test(`${name}: ${status ?? 'passes'}`, async () => {
      const headers = agents.flatMap((agent) => ['User-Agent', agent])
      const reply = await replyOf(configure(uaRestriction, config), createRequest({ headers }))
      assert.equal(reply?.status, status)
      if (reply !== undefined) assert.deepEqual(reply.body, { message: 'Not allowed' })
    })
  }

  test('refuses patterns that are none', () => {
    assert.throws(() => configure(uaRestriction, { denylist: ['(unclosed'] }), /unclosed/)
  })

  test('a hostile agent against a hostile pattern costs little', async () => {
    const instance = configure(uaRestriction, { denylist: ['^(a+)+$'] })
    const headers = ['User-Agent', `${'a'.repeat(8000)}!`]
    const startedAt = performance.now()
    assert.equal(await replyOf(instance, createRequest({ headers })), undefined)
    assert.ok(performance.now() - startedAt < 1_000)
  })
})
