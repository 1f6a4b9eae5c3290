import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { RevisionGuard, type WorkerDeath } from '../../src/primary/revision-guard.ts'

/** A worker that crashed while it applied revision 8. */
const APPLYING: WorkerDeath = { applied: 7, servingAt: 0, at: 100_000 }
/** A worker that crashed at its start. */
const STARTING: WorkerDeath = {
  applied: undefined,
  servingAt: undefined,
  at: 101_000,
}

function guardWith(...revisions: [revision: number, at: number][]): RevisionGuard {
  const guard = new RevisionGuard()
  for (const [revision, at] of revisions) guard.sent(revision, at)
  return guard
}

suite('RevisionGuard', () => {
  test('blames a revision at the second death', () => {
    const guard = guardWith([8, 99_900])
    assert.deepEqual(guard.died(APPLYING, []), [])
    assert.deepEqual(guard.died(STARTING, []), [8])
    assert.deepEqual(guard.died({ ...STARTING, at: 102_000 }, []), [])
  })

  test('blames the first that was not acknowledged, not those behind it', () => {
    const guard = guardWith([8, 99_900], [9, 99_910], [10, 99_920])
    guard.died(APPLYING, [])
    assert.deepEqual(guard.died(STARTING, []), [8])
  })

  test('blames a revision acknowledged seconds before', () => {
    const guard = guardWith([8, 98_000])
    const death = { ...APPLYING, applied: 8 }
    guard.died(death, [])
    assert.deepEqual(guard.died({ ...death, servingAt: 100_500, at: 102_000 }, []), [8])
  })

  test('does not blame a revision applied long before', () => {
    const guard = guardWith([8, 90_000])
    const death = { ...APPLYING, applied: 8 }
    guard.died(death, [])
    assert.deepEqual(guard.died(death, []), [])
  })

  test('does not blame what another worker lives well with', () => {
    const guard = guardWith([8, 90_000])
    const survivors = [{ applied: 8, servingAt: 0 }]
    guard.died(STARTING, survivors)
    assert.deepEqual(guard.died(STARTING, survivors), [])
  })

  test('tries a revision anew that was sent anew', () => {
    const guard = guardWith([8, 99_900])
    guard.died(APPLYING, [])
    guard.sent(8, 100_500)
    assert.deepEqual(guard.died(STARTING, []), [])
  })
})
