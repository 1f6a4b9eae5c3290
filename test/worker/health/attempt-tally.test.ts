import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { AttemptTally, COUNT } from '../../../src/worker/health/attempt-tally.ts'

suite('the tally of attempts', () => {
  test('keeps failures in a row apart by the successes between', () => {
    const tally = new AttemptTally()
    const { http, tcp, success } = COUNT
    for (const counted of [success, http, http, tcp, success, success, http]) tally.add(counted)
    assert.deepEqual(tally.take(), [
      [0, 0, 0, 1],
      [2, 1, 0, 2],
      [1, 0, 0, 0],
    ])
    assert.equal(tally.isEmpty, true)
  })

  test('stays short, and keeps the longest row of failures and the last', () => {
    const tally = new AttemptTally()
    for (let n = 0; n < 9; n++) tally.add(COUNT.timeout)
    for (let n = 0; n < 1_000; n++) tally.add(n % 2 === 0 ? COUNT.success : COUNT.http)
    const runs = tally.take()
    assert.ok(runs.length <= 64)
    assert.ok(runs.some(([, , timeouts]) => timeouts === 9))
    assert.deepEqual(runs.at(-1), [1, 0, 0, 0])
    const successes = runs.reduce((sum, run) => sum + run[COUNT.success], 0)
    assert.equal(successes, 500)
  })
})
