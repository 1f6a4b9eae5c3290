import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { OverloadGuard } from '../../src/worker/overload.ts'

function createGuard(t: TestContext, pendingRequests = 0) {
  const changes: boolean[] = []
  const guard = new OverloadGuard({
    maxLoopDelayMs: 100,
    maxPendingRequests: 10,
    pendingRequests: () => pendingRequests,
    onChange: (overloaded) => changes.push(overloaded),
  })
  t.after(() => guard.stop())
  function judge(delayMs: number, ticks: number): void {
    for (let n = 0; n < ticks; n++) guard.judge(delayMs)
  }
  return { guard, changes, judge }
}

suite('OverloadGuard', () => {
  test('does nothing about one long turn', (t) => {
    const { guard, judge } = createGuard(t)
    judge(5_000, 1)
    judge(10, 1)
    judge(5_000, 1)
    assert.equal(guard.overloaded, false)
    assert.equal(guard.reason(), undefined)
  })

  test('sheds a growing share', (t) => {
    const { guard, judge } = createGuard(t)
    judge(100, 2)
    assert.equal(guard.overloaded, true)
    assert.ok(Math.abs(guard.share - 0.1) < 0.001)
    judge(100, 100)
    assert.equal(guard.share, 0.95)
  })

  test('sheds as much as the delay is beyond the bound', (t) => {
    const { guard, judge } = createGuard(t)
    judge(500, 2)
    assert.ok(Math.abs(guard.share - 0.8) < 0.001)
  })

  test('stays as it is between the two bounds', (t) => {
    const { guard, judge } = createGuard(t)
    judge(100, 5)
    const { share } = guard
    judge(80, 50)
    assert.equal(guard.share, share)
    assert.equal(guard.overloaded, true)
  })

  test('is back to normal within 4 s', (t) => {
    const { guard, changes, judge } = createGuard(t)
    judge(100, 100)
    judge(10, 16)
    assert.equal(guard.share, 0)
    assert.deepEqual(changes, [true, false])
  })

  const handOvers = [
    { name: 'few that waited long, behind long turns', count: 5, ms: 2_000, overloaded: true },
    { name: 'few that waited a little', count: 5, ms: 300, overloaded: false },
    { name: 'a flood: refused requests would not help', count: 500, ms: 5_000, overloaded: false },
  ]
  for (const { name, count, ms, overloaded } of handOvers) {
    test(`${overloaded ? 'sheds' : 'does not shed'} for new connections: ${name}`, (t) => {
      const { guard, judge } = createGuard(t)
      for (let tick = 0; tick < 4; tick++) {
        for (let n = 0; n < count; n++) guard.noteHandOver(ms)
        judge(10, 1)
      }
      assert.equal(guard.overloaded, overloaded)
    })
  }

  test('sheds what is beyond the pending requests', (t) => {
    assert.equal(createGuard(t, 10).guard.reason(), undefined)
    assert.equal(createGuard(t, 11).guard.reason(), 'pending-requests')
  })
})
