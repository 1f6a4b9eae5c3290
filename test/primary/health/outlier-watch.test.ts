import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { OutlierWatch } from '../../../src/primary/health/outlier-watch.ts'

const SETTINGS = {
  consecutiveFailures: 5,
  failureRate: 0.5,
  minRequests: 10,
  intervalMs: 1_000,
  baseEjectionMs: 30_000,
  maxEjectionMs: 70_000,
  maxEjectionPercent: 50,
}

suite('outliers', () => {
  test('failures in a row, not interrupted ones', () => {
    const watch = new OutlierWatch()
    watch.count(4, 1, 0, SETTINGS)
    watch.endRow()
    watch.count(4, 0, 0, SETTINGS)
    assert.equal(watch.reason({ ...SETTINGS, failureRate: 0 }), undefined)
    watch.count(1, 0, 0, SETTINGS)
    assert.equal(watch.reason(SETTINGS), '5 failures in a row')
  })

  test('a rate counts within its interval, from a number of attempts on', () => {
    const rateOnly = { ...SETTINGS, consecutiveFailures: 0 }
    const watch = new OutlierWatch()
    watch.count(4, 4, 0, rateOnly)
    assert.equal(watch.reason(rateOnly), undefined)
    watch.count(1, 1, 999, rateOnly)
    assert.equal(watch.reason(rateOnly), '50 % of the attempts failed')
    watch.count(9, 0, 1_500, rateOnly)
    assert.equal(watch.reason(rateOnly), undefined, 'a new interval')
  })

  test('each ejection takes longer, to a limit, until it has been calm', () => {
    const watch = new OutlierWatch()
    assert.equal(watch.eject(0, SETTINGS), 30_000)
    assert.ok(watch.isEjected(29_999) && !watch.isEjected(30_000))
    assert.equal(watch.eject(30_000, SETTINGS), 60_000)
    assert.equal(watch.eject(90_000, SETTINGS), 70_000)
    // Ejected until 160 000; three intervals without an ejection take all three back.
    assert.equal(watch.eject(163_000, SETTINGS), 30_000)
  })
})
