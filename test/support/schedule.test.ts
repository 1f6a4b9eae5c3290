import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { parseSchedule, startSchedule } from '../../src/support/schedule.ts'

suite('schedule', () => {
  const durations = [
    { text: '@every 1m', everyMs: 60_000 },
    { text: '@every 90s', everyMs: 90_000 },
    { text: '@every 1h30m', everyMs: 5_400_000 },
    { text: '@every 1.5s', everyMs: 1_500 },
  ]
  for (const { text, everyMs } of durations) {
    test(text, () => assert.deepEqual(parseSchedule(text), { everyMs }))
  }

  for (const text of ['*/5 * * * *', '0 3 * * MON-FRI', '@hourly']) {
    test(text, () => assert.deepEqual(parseSchedule(text), { cron: text }))
  }

  const refused = ['', 'soon', '@every', '@every 1', '@every -1m', '@every 1d', '@every 0s']
  refused.push('@every 10ms', '@every 900h', '* * * *', '* * * * * *', '61 * * * *', '* * 32 * *')
  for (const text of refused) {
    test(`refuses "${text}"`, () => assert.throws(() => parseSchedule(text), /^Error: \w/))
  }

  const started = [
    { text: '@every 2m', dueAfterMs: [120_000, 120_000] },
    { text: '*/5 * * * *', dueAfterMs: [300_000, 300_000] },
  ]
  for (const { text, dueAfterMs } of started) {
    test(`is due: ${text}`, (t: TestContext) => {
      t.mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'], now: 0 })
      let due = 0
      const running = startSchedule(parseSchedule(text), () => due++)
      for (const [n, ms] of dueAfterMs.entries()) {
        for (let passed = 0; passed < ms; passed += 10_000) t.mock.timers.tick(10_000)
        assert.equal(due, n + 1)
      }
      running.stop()
      t.mock.timers.tick(600_000)
      assert.equal(due, dueAfterMs.length)
    })
  }
})
