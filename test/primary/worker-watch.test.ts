import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { NO_STATS } from '../../src/primary/worker-stats.ts'
import { WorkerWatch } from '../../src/primary/worker-watch.ts'
import { createLogger } from '../../src/support/logger.ts'

const LIMITS = { stallMs: 2_000, stallKillMs: 10_000, maxResidentBytes: 1_000 }
const log = createLogger({ level: 'silent', role: 'test' })

function fixture() {
  const link = {
    id: 1,
    pid: 1,
    configured: true,
    heardAt: 0,
    startedAt: 0,
    draining: false,
    condemned: false,
    silent: false,
    tooLarge: false,
    stats: NO_STATS,
  }
  const events: string[] = []
  const watch = new WorkerWatch(
    () => [link],
    LIMITS,
    {
      onTick: () => {},
      onLost: () => {
        link.condemned = true
        events.push('lost')
      },
      onTooLarge: () => events.push('too large'),
    },
    log,
  )
  /** Ticks every 250 ms from the first to the last millisecond. */
  function run(fromMs: number, toMs: number): void {
    for (let now = fromMs; now <= toMs; now += 250) watch.tick(now)
  }
  return { link, events, watch, run }
}

suite('WorkerWatch', () => {
  test('leaves a worker alone that is heard', () => {
    const { link, events, run } = fixture()
    run(0, 1_500)
    link.heardAt = 1_500
    run(1_750, 3_250)
    assert.deepEqual(events, [])
    assert.equal(link.silent, false)
  })

  test('takes a silent worker out, and in again when it is back', () => {
    const { link, events, watch, run } = fixture()
    run(0, 2_000)
    assert.equal(link.silent, true)
    assert.deepEqual(events, [])
    link.heardAt = 2_100
    watch.tick(2_250)
    assert.equal(link.silent, false)
    assert.equal(watch.stalls, 1)
  })

  test('gives a worker up once, after the longer silence', () => {
    const { events, run } = fixture()
    run(0, 12_000)
    assert.equal(events.filter((event) => event === 'lost').length, 1)
  })

  test('judges nobody after a stall of its own', () => {
    const { link, events, watch, run } = fixture()
    run(0, 1_000)
    watch.tick(60_000)
    assert.deepEqual(events, [])
    run(60_250, 61_750)
    assert.equal(link.silent, false)
  })

  test('does not give up a worker that drains', () => {
    const { link, events, run } = fixture()
    link.draining = true
    run(0, 20_000)
    assert.ok(!events.includes('lost'))
    assert.equal(link.silent, true)
  })

  test('gives up a worker that never said hello', () => {
    const { link, events, run } = fixture()
    link.configured = false
    run(0, 29_750)
    assert.deepEqual(events, [])
    run(30_000, 30_000)
    assert.deepEqual(events, ['lost'])
  })

  test('reports a large worker once, and not a young one', () => {
    const { link, events, watch } = fixture()
    link.stats = { ...NO_STATS, residentBytes: 2_000 }
    link.startedAt = Date.now()
    watch.tick(0)
    assert.deepEqual(events, [])
    link.startedAt = 0
    watch.tick(250)
    watch.tick(500)
    assert.deepEqual(events, ['too large'])
  })
})
