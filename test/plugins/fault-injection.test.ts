import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import faultInjection from '../../src/plugins/fault-injection.ts'
import { configure, createRequest, replyOf } from '../helpers/plugin-harness.ts'

const reply = (config: Record<string, unknown>, target = '/') =>
  replyOf(configure(faultInjection, config), createRequest({ target }))

suite('fault-injection', () => {
  test('aborts with status, headers and body, in which variables count', async () => {
    const abort = {
      http_status: 503,
      body: 'no $arg_name',
      headers: { 'X-Count': 7, 'X-Name': '$arg_name' },
    }
    assert.deepEqual(await reply({ abort }, '/?name=a%0d%0aSet-Cookie:x'), {
      status: 503,
      body: 'no a\r\nSet-Cookie:x',
      headers: { 'X-Count': '7', 'X-Name': 'aSet-Cookie:x' },
    })
  })

  const conditions = [
    {
      name: 'one of the lists holds',
      vars: [[['arg_a', '==', '1']], [['arg_b', '==', '2']]],
      hit: true,
    },
    { name: 'no list holds', vars: [[['arg_a', '==', '1']], [['arg_b', '==', '3']]], hit: false },
    {
      name: 'one condition of a list fails',
      vars: [
        [
          ['arg_b', '==', '2'],
          ['arg_a', '==', '1'],
        ],
      ],
      hit: false,
    },
  ]
  for (const { name, vars, hit } of conditions) {
    test(`${name}: ${hit ? 'aborts' : 'passes'}`, async () => {
      const answer = await reply({ abort: { http_status: 500, vars } }, '/?b=2')
      assert.equal(answer?.status, hit ? 500 : undefined)
    })
  }

  test('a percentage of 0 never hits, 100 always does', async () => {
    for (let i = 0; i < 50; i++) {
      assert.equal(await reply({ abort: { http_status: 500, percentage: 0 } }), undefined)
      assert.equal((await reply({ abort: { http_status: 500, percentage: 100 } }))?.status, 500)
    }
  })

  test('delays, then aborts; only what its conditions name', async () => {
    const vars = [[['arg_slow', '==', '1']]]
    const config = { delay: { duration: 0.05, vars }, abort: { http_status: 400 } }
    const startedAt = performance.now()
    assert.equal((await reply(config, '/?slow=1'))?.status, 400)
    assert.ok(performance.now() - startedAt >= 49)
    const instance = configure(faultInjection, config)
    assert.deepEqual(instance.rewrite?.(createRequest()), { status: 400, headers: {} }, 'at once')
  })

  test('refuses conditions that are none', () => {
    const config = { abort: { http_status: 500, vars: [[['a', '=~~', 'b']]] } }
    assert.throws(() => configure(faultInjection, config), /invalid operator/)
  })
})
