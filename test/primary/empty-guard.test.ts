import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import pino from 'pino'
import { ConfigState } from '../../src/model/config-state.ts'
import { EMPTY_DIGEST } from '../../src/model/digest.ts'
import { SNAPSHOT_FORMAT, type Snapshot } from '../../src/model/snapshot.ts'
import { EmptyGuard } from '../../src/primary/empty-guard.ts'

function snapshotOf(
  epoch: string,
  revision: number,
  routes: number,
  digest = EMPTY_DIGEST,
): Snapshot {
  const _meta = { format: SNAPSHOT_FORMAT, group: 'default', digest, generatedAt: '' }
  const bodies = Array.from({ length: routes }, (_, n) => ({ id: String(n), uri: '/' }))
  return { _meta: { ..._meta, epoch, revision }, routes: bodies }
}

type At = [epoch: string, revision: number, routes: number, digest?: string]

const EMPTY = ConfigState.from(snapshotOf('a', 5, 0))
const SERVED = ConfigState.from(snapshotOf('a', 5, 2))

suite('empty guard', () => {
  const cases: { name: string; served?: ConfigState; at: At; refused: boolean }[] = [
    { name: 'what is served is empty too', served: EMPTY, at: ['b', 0, 0], refused: false },
    { name: 'another history, not empty', at: ['b', 3, 1], refused: false },
    { name: 'another history, empty', at: ['b', 0, 0], refused: true },
    { name: 'another history, emptied later on', at: ['b', 9, 0], refused: true },
    { name: 'the last object was deleted', at: ['a', 6, 0], refused: false },
    { name: 'its digest is of objects', at: ['a', 6, 0, '1f'], refused: true },
    { name: 'rewound to before the first object', at: ['a', 0, 0], refused: true },
    { name: 'rewound to fewer objects', at: ['a', 3, 1], refused: false },
  ]
  for (const { name, at, refused, served = SERVED } of cases) {
    test(name, () => {
      const guard = new EmptyGuard(pino({ level: 'silent' }))
      const check = () => guard.check(snapshotOf(...at), served)
      if (refused) assert.throws(check, { code: 'GW_CONFIG_EMPTY' })
      else check()
      assert.equal(guard.reason !== undefined, refused)
    })
  }

  test('nothing is served yet', () => {
    new EmptyGuard(pino({ level: 'silent' })).check(snapshotOf('b', 0, 0), undefined)
  })

  test('is logged at once, and then rarely', () => {
    const lines: string[] = []
    const log = pino({}, { write: (line) => void lines.push(line) })
    let now = 0
    const guard = new EmptyGuard(log, () => now)
    for (; now < 3_600_000; now += 2_000) {
      assert.throws(() => guard.check(snapshotOf('b', 0, 0), SERVED))
    }
    assert.equal(lines.length, 6)
    guard.check(snapshotOf('b', 1, 1), SERVED)
    assert.equal(guard.reason, undefined)
    assert.throws(() => guard.check(snapshotOf('c', 0, 0), SERVED))
    assert.equal(lines.length, 7)
  })
})
