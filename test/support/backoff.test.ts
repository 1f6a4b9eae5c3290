import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { backoffMs } from '../../src/support/backoff.ts'

suite('backoff', () => {
  const cases = [
    { attempt: 0, random: 0.5, ms: 50 },
    { attempt: 0, random: 0, ms: 0 },
    { attempt: 3, random: 0.5, ms: 400 },
    { attempt: 9, random: 0.5, ms: 2_500 },
    { attempt: 5_000, random: 0.999_999, ms: 5_000 },
  ]
  for (const { attempt, random, ms } of cases) {
    test(`attempt ${attempt} at ${random} waits ${ms} ms`, () => {
      assert.equal(backoffMs(attempt, { baseMs: 100, maxMs: 5_000, random: () => random }), ms)
    })
  }
})
