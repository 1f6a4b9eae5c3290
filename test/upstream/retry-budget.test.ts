import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { RetryBudget } from '../../src/upstream/retry-budget.ts'

suite('retry budget', () => {
  function spendAll(budget: RetryBudget): number {
    let count = 0
    while (count < 1_000 && budget.spend()) count++
    return count
  }

  test('a share of the requests', () => {
    const budget = new RetryBudget({ share: 0.2, minPerSecond: 0 }, () => 0)
    assert.equal(spendAll(budget), 0)
    for (let i = 0; i < 50; i++) budget.earn()
    const spent = spendAll(budget)
    assert.ok(spent === 10 || spent === 9, `${spent}`)
    for (let i = 0; i < 100_000; i++) budget.earn()
    assert.equal(spendAll(budget), 100, 'no more than that is saved up')
  })

  test('so many in each second whatever the share', () => {
    let now = 0
    const budget = new RetryBudget({ share: 0, minPerSecond: 2 }, () => now)
    assert.equal(spendAll(budget), 20)
    now = 1_500
    assert.equal(spendAll(budget), 3)
    now = 1e9
    assert.equal(spendAll(budget), 20)
  })
})
