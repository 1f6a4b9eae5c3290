import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { WorkerLedger } from '../../../src/worker/quota/worker-ledger.ts'
import { createQuotaRig, type QuotaRig } from '../../helpers/quota.ts'

const TERMS = { failures: 3, successes: 2, maxOpenMs: 300_000 }
const WINDOW = { limit: 10, windowMs: 60_000, sliding: false }
const unavailable = { code: 'GW_QUOTA_UNAVAILABLE' }

/** Worker number `n`, from 1. */
const ledger = (rig: QuotaRig, n: number) => rig.ledgers[n - 1] as WorkerLedger

/** Until what is under way has been delivered, both ways. */
async function settle(): Promise<void> {
  for (let n = 0; n < 6; n++) await turn()
}

/** A clock that runs: deadlines are real time. */
function runClock(t: { after(fn: () => void): void }, rig: QuotaRig): void {
  const timer = setInterval(() => {
    rig.clock.now += 10
  }, 10)
  t.after(() => clearInterval(timer))
}

suite('places', () => {
  test('are shared, given back once, and by a dying worker', async () => {
    const rig = createQuotaRig()
    const first = await ledger(rig, 1).enter('k', 3)
    const second = await ledger(rig, 2).enter('k', 3)
    assert.deepEqual([first?.taken, second?.taken], [1, 2])
    await ledger(rig, 1).enter('k', 3)
    assert.equal(await ledger(rig, 2).enter('k', 3), undefined)
    second?.release()
    second?.release()
    await settle()
    assert.equal((await ledger(rig, 2).enter('k', 3))?.taken, 3)
    rig.kill(1)
    assert.equal((await ledger(rig, 2).enter('k', 3))?.taken, 2)
  })

  test('one that comes too late goes back', async (t) => {
    const rig = createQuotaRig({ timeoutMs: 40 })
    runClock(t, rig)
    rig.freeze(1)
    await assert.rejects(ledger(rig, 1).enter('k', 1), unavailable)
    rig.thaw(1)
    await settle()
    assert.deepEqual([rig.service.keys.place, (await ledger(rig, 2).enter('k', 1))?.taken], [0, 1])
  })
})

suite('buckets', () => {
  test('leak at a steady rate, for all workers', async () => {
    const rig = createQuotaRig()
    const pour = (worker: number) => ledger(rig, worker).pour('k', 10, 2)
    const levels = [await pour(1), await pour(2), await pour(1), await pour(2)]
    assert.deepEqual(levels, [0, 1, 2, undefined])
    rig.clock.now += 100
    assert.deepEqual([await pour(2), await pour(1)], [2, undefined])
    rig.clock.now += 10_000
    assert.equal(await pour(1), 0)
  })
})

suite('circuits', () => {
  test('are known to all workers, also to new ones, until they recover', async (t) => {
    const rig = createQuotaRig()
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const told = async () => {
      await settle()
      t.mock.timers.tick(10)
      await settle()
    }
    ledger(rig, 1).report('k', true, TERMS)
    for (let n = 0; n < 3; n++) ledger(rig, 1 + (n % 2)).report('k', false, TERMS)
    await told()
    const state = { failures: 3, openedAtMs: rig.clock.now }
    assert.deepEqual(ledger(rig, 1).circuit('k'), state)
    assert.deepEqual(ledger(rig, 2).circuit('k'), state)
    const answers: unknown[] = []
    rig.service.join(9, (sent) => answers.push(...sent))
    assert.deepEqual(answers, [{ op: 'circuit', key: 'k', state }])
    ledger(rig, 2).report('k', true, TERMS)
    ledger(rig, 1).report('k', false, TERMS)
    ledger(rig, 1).report('k', true, TERMS)
    await told()
    assert.equal(ledger(rig, 1).circuit('k')?.failures, 4)
    ledger(rig, 2).report('k', true, TERMS)
    await told()
    assert.equal(ledger(rig, 1).circuit('k'), undefined)
    assert.equal(rig.service.keys.circuit, 0)
  })

  test('are forgotten by the workers too, when there are too many, or after long', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
    const rig = createQuotaRig()
    const told = async (ms: number) => {
      await settle()
      t.mock.timers.tick(ms)
      await settle()
    }
    const known = () => [0, 1].map((n) => ledger(rig, 2).circuit(`k${n}`)?.failures)
    ledger(rig, 1).report('k0', false, TERMS)
    await told(10)
    assert.deepEqual(known(), [1, undefined])
    for (let n = 1; n <= 10_000; n++) ledger(rig, 1).report(`k${n}`, false, TERMS)
    await told(10)
    assert.deepEqual([rig.service.evicted, known()], [1, [undefined, 1]])
    rig.clock.now += TERMS.maxOpenMs + 3_600_000
    await told(1_000)
    assert.deepEqual(known(), [undefined, undefined])
  })
})

suite('a primary that does not answer', () => {
  test('is waited for once, then not at all, until it is back', async (t) => {
    const rig = createQuotaRig({ timeoutMs: 40 })
    runClock(t, rig)
    rig.freeze(1)
    const take = async () => ledger(rig, 1).take('k', WINDOW)
    await Promise.all([assert.rejects(take(), unavailable), assert.rejects(take(), unavailable)])
    const before = rig.messages
    await assert.rejects(take(), unavailable)
    assert.equal(rig.messages, before)
    rig.thaw(1)
    await settle()
    // What was granted too late is left for those who come now.
    assert.equal((await take()).admitted, true)
  })

  test('is not asked once it is gone', async () => {
    const rig = createQuotaRig()
    rig.freeze(1)
    const open = [ledger(rig, 1).pour('k', 1, 1), ledger(rig, 1).enter('k', 1)]
    const waiting = ledger(rig, 1).take('k', WINDOW) as Promise<unknown>
    ledger(rig, 1).disconnect()
    for (const one of [...open, waiting]) await assert.rejects(one, unavailable)
    await assert.rejects(async () => ledger(rig, 1).take('other', WINDOW), unavailable)
    await assert.rejects(ledger(rig, 1).pour('k', 1, 1), unavailable)
  })
})
