import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { WindowTerms, WindowVerdict } from '../../../src/model/quota.ts'
import { createQuotaRig, type QuotaRig } from '../../helpers/quota.ts'

const MINUTE: WindowTerms = { limit: 100, windowMs: 60_000, sliding: false }

/** One request at a worker, numbered from 0. */
async function take(rig: QuotaRig, worker: number, terms = MINUTE, key = 'k') {
  return (await rig.ledgers[worker]?.take(key, terms)) as WindowVerdict
}

/** `count` requests at once, spread over the workers. */
async function burst(rig: QuotaRig, count: number, terms = MINUTE): Promise<WindowVerdict[]> {
  const { length } = rig.ledgers
  return Promise.all(Array.from({ length: count }, (_, n) => take(rig, n % length, terms)))
}

const admitted = (verdicts: readonly WindowVerdict[]) => verdicts.filter((v) => v.admitted).length

suite('windows of the quota ledger', () => {
  test('remaining counts are right when requests follow one another', async () => {
    const rig = createQuotaRig({ workers: 4 })
    for (let n = 0; n < 100; n++) {
      // Sometimes many in a row at one worker, so that it gets leases, sometimes turn by turn.
      const worker = n % 30 < 20 ? Math.floor(n / 30) % 4 : n % 4
      const verdict = await take(rig, worker)
      assert.deepEqual([n, verdict.admitted, verdict.remaining], [n, true, 99 - n])
      rig.clock.now += 1
    }
    for (let worker = 0; worker < 4; worker++) {
      const refused = await take(rig, worker)
      assert.deepEqual([refused.admitted, refused.remaining], [false, 0])
    }
  })

  test('exactly the limit passes, however many come at once', async () => {
    const rig = createQuotaRig({ workers: 4 })
    const terms = { ...MINUTE, limit: 1_000 }
    let passed = 0
    const seen: number[] = []
    for (let round = 0; round < 40; round++) {
      const verdicts = await burst(rig, 250, terms)
      passed += admitted(verdicts)
      seen.push(...verdicts.filter((v) => v.admitted).map((v) => v.remaining))
      rig.clock.now += 3
    }
    assert.equal(passed, 1_000)
    assert.equal(seen.filter((rest) => rest === 0).length, 1)
    assert.ok(Math.max(...seen) <= 999)
  })

  test('uneven traffic: what one worker holds is called back before another refuses', async () => {
    const rig = createQuotaRig({ workers: 3 })
    const terms = { ...MINUTE, limit: 500 }
    let passed = 0
    for (let n = 0; n < 200; n++) passed += admitted([await take(rig, 0, terms)])
    for (let round = 0; round < 10; round++) {
      const more = await Promise.all(Array.from({ length: 50 }, () => take(rig, 1, terms)))
      passed += admitted(more)
    }
    assert.equal(passed, 500)
  })

  test('a worker that gets all the traffic hardly ever asks', async () => {
    const rig = createQuotaRig({ workers: 1 })
    const terms = { ...MINUTE, limit: 1_000_000 }
    let sync = 0
    for (let n = 0; n < 20_000; n++) {
      const verdict = rig.ledgers[0]?.take('k', terms)
      if (verdict instanceof Promise) await verdict
      else sync += 1
    }
    assert.ok(sync > 19_960, `${sync}`)
    assert.ok(rig.messages < 80, `${rig.messages}`)
  })

  test('a refused key is refused without asking until its window ends', async () => {
    const rig = createQuotaRig()
    const terms = { ...MINUTE, limit: 1 }
    assert.equal((await take(rig, 0, terms)).admitted, true)
    assert.equal((await take(rig, 0, terms)).admitted, false)
    const { messages } = rig
    for (let n = 0; n < 100; n++) {
      const verdict = rig.ledgers[0]?.take('k', terms)
      assert.ok(!(verdict instanceof Promise) && verdict?.admitted === false)
    }
    assert.equal(rig.messages, messages)
    rig.clock.now += 60_000
    assert.equal((await take(rig, 0, terms)).admitted, true)
  })

  test('all workers see a fixed window end at the same time', async () => {
    const rig = createQuotaRig({ workers: 3 })
    const first = await take(rig, 0)
    assert.equal(first.resetMs, 60_000)
    rig.clock.now += 15_000
    assert.equal((await take(rig, 1)).resetMs, 45_000)
    rig.clock.now += 44_999
    const last = await take(rig, 2)
    assert.deepEqual([last.resetMs, last.remaining], [1, 97])
    rig.clock.now += 1
    const next = await take(rig, 1)
    assert.deepEqual([next.resetMs, next.remaining], [60_000, 99])
  })

  test('a dead worker takes its lease with it, and no more', async () => {
    const rig = createQuotaRig({ workers: 2 })
    const terms = { ...MINUTE, limit: 1_000 }
    let passed = 0
    for (let n = 0; n < 50; n++) passed += admitted([await take(rig, 0, terms)])
    rig.kill(1)
    const rest = await Promise.all(Array.from({ length: 2_000 }, () => take(rig, 1, terms)))
    passed += admitted(rest)
    assert.ok(passed <= 1_000 && passed > 900, `${passed}`)
  })

  test('a silent worker holds nobody up, and never gives more than there is', async () => {
    const rig = createQuotaRig({ workers: 2 })
    const terms = { ...MINUTE, limit: 1_000 }
    for (let n = 0; n < 50; n++) await take(rig, 0, terms)
    rig.freeze(1)
    // The recall's deadline is real time; the clock of the rig has to follow.
    const clock = setInterval(() => {
      rig.clock.now += 50
    }, 20)
    const others = await Promise.all(Array.from({ length: 1_500 }, () => take(rig, 1, terms)))
    clearInterval(clock)
    const passed = 50 + admitted(others)
    assert.ok(passed < 1_000 && passed > 900, `${passed}`)
    rig.thaw(1)
    await turn()
    rig.clock.now += 200
    const late = await Promise.all(Array.from({ length: 200 }, () => take(rig, 1, terms)))
    assert.equal(passed + admitted(late), 1_000)
  })

  test('an idle worker that has used up its lease is not waited for', async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] })
    const rig = createQuotaRig({ workers: 2 })
    for (let n = 0; n < 3; n++) await take(rig, 0)
    rig.clock.now += 1_000
    t.mock.timers.tick(1_000)
    let remaining: number | undefined
    void take(rig, 1, { ...MINUTE, limit: 50 }).then((verdict) => {
      remaining = verdict.remaining
    })
    for (let n = 0; n < 10; n++) await turn()
    assert.equal(remaining, 46)
  })

  test('a draining worker gives back what it has', async () => {
    const rig = createQuotaRig({ workers: 2 })
    const terms = { ...MINUTE, limit: 1_000 }
    for (let n = 0; n < 50; n++) await take(rig, 0, terms)
    rig.ledgers[0]?.drain()
    rig.ledgers[0]?.flush()
    await turn()
    await turn()
    rig.kill(1)
    const rest = await Promise.all(Array.from({ length: 2_000 }, () => take(rig, 1, terms)))
    assert.equal(50 + admitted(rest), 1_000)
  })

  test('a changed limit counts what was admitted before', async () => {
    const rig = createQuotaRig()
    for (let n = 0; n < 10; n++) await take(rig, n % 2)
    const raised = await take(rig, 0, { ...MINUTE, limit: 12 })
    assert.deepEqual([raised.admitted, raised.remaining], [true, 1])
    assert.equal((await take(rig, 1, { ...MINUTE, limit: 5 })).admitted, false)
    assert.equal((await take(rig, 1, MINUTE)).remaining, 88)
  })

  test('beyond the limit of keys the one used longest ago is forgotten, and counted', async () => {
    const rig = createQuotaRig({ workers: 1, maxKeys: 10 })
    for (let n = 0; n < 11; n++) await take(rig, 0, MINUTE, `key ${n}`)
    assert.deepEqual([rig.service.keys.window, rig.service.evicted], [10, 1])
    await take(rig, 0, MINUTE, 'x'.repeat(100_000))
    assert.equal(rig.service.keys.window, 10)
  })

  test('a lease of a forgotten window makes no room in the one that follows', async () => {
    const rig = createQuotaRig({ maxKeys: 1 })
    const terms = { ...MINUTE, sliding: true }
    for (let n = 0; n < 8; n++) await take(rig, 0, terms)
    await take(rig, 1, terms, 'other')
    assert.equal((await take(rig, 1, terms)).remaining, 99)
    rig.ledgers[0]?.drain()
    for (let n = 0; n < 4; n++) await turn()
    assert.equal((await take(rig, 1, terms)).remaining, 98)
  })
})

suite('sliding windows', () => {
  const terms: WindowTerms = { limit: 10, windowMs: 10_000, sliding: true }

  test('the window before counts as far as it reaches', async () => {
    const rig = createQuotaRig()
    rig.clock.now = 1_000_000
    for (let n = 0; n < 10; n++) {
      const verdict = await take(rig, n % 2, terms)
      assert.deepEqual([verdict.admitted, verdict.remaining], [true, 9 - n])
    }
    assert.equal((await take(rig, 0, terms)).admitted, false)
    // A quarter into the next window three quarters of the last one still count.
    rig.clock.now = 1_012_500
    assert.equal(admitted(await burst(rig, 10, terms)), 3)
    const refused = await take(rig, 0, terms)
    assert.equal(refused.admitted, false)
    assert.equal(Math.round(refused.resetMs), 500)
    rig.clock.now = 1_013_001
    assert.equal((await take(rig, 1, terms)).admitted, true)
    rig.clock.now = 1_040_000
    assert.equal((await take(rig, 1, terms)).remaining, 9)
  })

  test('no ten seconds have more than twice the limit, and none at its edge', async () => {
    const rig = createQuotaRig({ workers: 3 })
    const at: number[] = []
    for (let step = 0; step < 400; step++) {
      const verdicts = await burst(rig, 3, terms)
      for (let n = 0; n < admitted(verdicts); n++) at.push(rig.clock.now)
      rig.clock.now += 100
    }
    const perWindow = Map.groupBy(at, (ms) => Math.floor(ms / 10_000))
    for (const [window, hits] of perWindow) assert.ok(hits.length <= 10, `${window}`)
    assert.ok(at.length > 20)
  })
})
