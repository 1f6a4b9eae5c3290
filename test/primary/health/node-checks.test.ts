import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { type FailureKind, NodeChecks } from '../../../src/primary/health/node-checks.ts'

const LIMITS = { success: 2, http: 3, tcp: 2, timeout: 2 }

/** State after these events: `+` is a success, `h`, `t` and `o` are failures (HTTP, TCP, time-out). */
function after(events: string, checks = new NodeChecks()): NodeChecks {
  const kinds: Record<string, FailureKind> = { h: 'http', t: 'tcp', o: 'timeout' }
  for (const event of events) {
    const kind = kinds[event]
    if (kind === undefined) checks.succeed(LIMITS.success)
    else checks.fail(kind, LIMITS[kind])
  }
  return checks
}

suite('the state of a node', () => {
  const cases = [
    { events: '', state: 'healthy' },
    { events: '++++', state: 'healthy' },
    { events: 'h', state: 'mostly_healthy' },
    { events: 'hh', state: 'mostly_healthy' },
    { events: 'hhh', state: 'unhealthy' },
    { events: 'tt', state: 'unhealthy' },
    { events: 'oo', state: 'unhealthy' },
    { events: 'hto', state: 'mostly_healthy', why: 'each kind has a threshold of its own' },
    { events: 'hh+hh', state: 'mostly_healthy', why: 'a success clears the failures' },
    { events: 'hh++', state: 'healthy' },
    { events: 'hhh+', state: 'mostly_unhealthy' },
    { events: 'hhh++', state: 'healthy' },
    { events: 'hhh+h+', state: 'mostly_unhealthy', why: 'a failure clears the successes' },
    { events: 'hhhhhhh++', state: 'healthy', why: 'more failures change nothing' },
    { events: 'hhh+hhh', state: 'unhealthy' },
  ]
  for (const { events, state, why = '' } of cases) {
    test(`after "${events}": ${state} ${why}`, () => {
      assert.equal(after(events).state, state)
    })
  }

  test('a healthy node counts no successes, an unhealthy one no failures', () => {
    assert.equal(after('+++').counters.success, 0)
    assert.equal(after('hhhhh').counters.http_failure, 3)
  })

  test('a threshold of 0 counts nothing', () => {
    const checks = new NodeChecks()
    for (let n = 0; n < 10; n++) checks.fail('http', 0)
    assert.equal(checks.state, 'healthy')
    const down = new NodeChecks('unhealthy')
    for (let n = 0; n < 10; n++) down.succeed(0)
    assert.equal(down.state, 'unhealthy')
  })
})
