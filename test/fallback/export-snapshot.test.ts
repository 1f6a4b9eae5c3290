import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { exportSnapshot, type Leadership } from '../../src/fallback/export-snapshot.ts'
import type { ExportHead } from '../../src/fallback/object-layout.ts'
import { createObjectStore } from '../../src/fallback/object-store.ts'
import { ConfigState } from '../../src/model/config-state.ts'
import type { Snapshot } from '../../src/model/snapshot.ts'
import { RESOURCE_BUCKET, startS3, type TestS3 } from '../helpers/s3.ts'

const GROUP = 'blue'

function snapshotOf(revision: number, epoch = 'e1'): Snapshot {
  const state = new ConfigState(GROUP, { epoch, revision })
  if (revision > 0) state.load('routes', { id: 'r', uri: `/${revision}`, upstream_id: 'u' })
  return state.toSnapshot(new Date())
}

/** Exports what `load` gives when it is asked. */
async function put(
  s3: TestS3,
  load: Snapshot | (() => Promise<Snapshot>),
  leadership: Leadership = { isHeld: true, timeline: 1 },
): Promise<ExportHead> {
  const store = createObjectStore(s3.settings)
  return exportSnapshot({
    ...{ store, bucket: RESOURCE_BUCKET, group: GROUP, leadership },
    loadSnapshot: typeof load === 'function' ? load : async () => load,
  }).finally(() => store.stop())
}

async function exported(s3: TestS3) {
  const head = await s3.readJson(RESOURCE_BUCKET, `${GROUP}/HEAD.json`)
  return head && `${head['epoch']}/${head['revision']}`
}

suite('export', () => {
  test('HEAD names a snapshot that is there, and tells its time anew', async (t) => {
    const s3 = await startS3(t)
    const first = await put(s3, snapshotOf(3))
    assert.equal(first.key, `${GROUP}/e1/3.json.gz`)
    const sha256 = await s3.store.readSha256({ bucket: RESOURCE_BUCKET, key: first.key })
    assert.equal(sha256, first.sha256)
    const second = await put(s3, snapshotOf(3))
    assert.ok(second.writtenAt > first.writtenAt)
    assert.deepEqual({ ...second, writtenAt: '' }, { ...first, writtenAt: '' })
  })

  test('a deleted or replaced snapshot is put back', async (t) => {
    const s3 = await startS3(t)
    const { key } = await put(s3, snapshotOf(3))
    const name = { bucket: RESOURCE_BUCKET, key }
    await s3.store.delete(name)
    const { sha256 } = await put(s3, snapshotOf(3))
    assert.equal(await s3.store.readSha256(name), sha256)
    await s3.store.put(name, 'other', { contentType: 'text/plain' })
    const { size } = await put(s3, snapshotOf(3))
    assert.equal((await s3.store.get(name, 1e6))?.bytes.length, size)
  })

  test('the last five snapshots stay', async (t) => {
    const s3 = await startS3(t)
    for (let revision = 1; revision <= 8; revision++) await put(s3, snapshotOf(revision))
    const there: number[] = []
    for (let revision = 1; revision <= 8; revision++) {
      const key = `${GROUP}/e1/${revision}.json.gz`
      if (await s3.store.get({ bucket: RESOURCE_BUCKET, key }, 1e6)) there.push(revision)
    }
    assert.deepEqual(there, [4, 5, 6, 7, 8])
  })

  const rewinds = [
    {
      name: 'older, same timeline',
      from: 5,
      to: 4,
      timeline: 1,
      reason: /newer than the database/,
    },
    { name: 'older, timeline unknown', from: 5, to: 4, timeline: 0, reason: /newer than/ },
    {
      name: 'newer, former primary',
      from: 5,
      to: 6,
      timeline: 1,
      before: 2,
      reason: /later primary/,
    },
    { name: 'an empty database', from: 5, to: 0, epoch: 'e2', timeline: 1, reason: /is empty/ },
  ]
  for (const { name, from, to, timeline, before = 1, epoch = 'e1', reason } of rewinds) {
    test(`refused: ${name}`, async (t) => {
      const s3 = await startS3(t)
      await put(s3, snapshotOf(from), { isHeld: true, timeline: before })
      const rewind = put(s3, snapshotOf(to, epoch), { isHeld: true, timeline })
      await assert.rejects(rewind, { kind: 'changed', message: reason })
      assert.equal(await exported(s3), `e1/${from}`)
    })
  }

  test('a promoted standby that lacks revisions is the truth', async (t) => {
    const s3 = await startS3(t)
    await put(s3, snapshotOf(5))
    await put(s3, snapshotOf(4), { isHeld: true, timeline: 2 })
    assert.equal(await exported(s3), 'e1/4')
  })

  test('another history replaces the exported one', async (t) => {
    const s3 = await startS3(t)
    await put(s3, snapshotOf(5))
    await put(s3, snapshotOf(1, 'e2'))
    assert.equal(await exported(s3), 'e2/1')
  })

  for (const conditionalPuts of [true, false]) {
    const kind = conditionalPuts ? 'with' : 'without'
    test(`a writer that slept does not undo what came after, ${kind} conditional puts`, async (t) => {
      const s3 = await startS3(t)
      s3.conditionalPuts = conditionalPuts
      await put(s3, snapshotOf(5))
      const { promise: sleeping, resolve: wake } = Promise.withResolvers<void>()
      const stale = put(s3, async () => {
        const snapshot = snapshotOf(6)
        await sleeping
        return snapshot
      })
      await put(s3, snapshotOf(7))
      wake()
      await assert.rejects(stale, { kind: 'changed' })
      assert.equal(await exported(s3), 'e1/7')
    })
  }

  test('a store that refuses conditions is written to without', async (t) => {
    const s3 = await startS3(t)
    s3.fault = ({ conditional }) => (conditional ? { status: 501 } : undefined)
    await put(s3, snapshotOf(5))
    await put(s3, snapshotOf(6))
    assert.equal(await exported(s3), 'e1/6')
  })

  test('of two that write at the very same time one is refused', async (t) => {
    const s3 = await startS3(t)
    await put(s3, snapshotOf(5))
    const both = await Promise.allSettled([put(s3, snapshotOf(6)), put(s3, snapshotOf(7))])
    const winners = both.filter(({ status }) => status === 'fulfilled')
    assert.equal(winners.length, 1)
  })

  test('a leadership that is lost meanwhile stops the write', async (t) => {
    const s3 = await startS3(t)
    await put(s3, snapshotOf(5))
    await assert.rejects(put(s3, snapshotOf(6), { isHeld: false, timeline: 1 }), {
      kind: 'changed',
    })
    assert.equal(await exported(s3), 'e1/5')
  })

  test('a damaged HEAD is replaced, one of a newer Holdfast is not', async (t) => {
    const s3 = await startS3(t)
    const name = { bucket: RESOURCE_BUCKET, key: `${GROUP}/HEAD.json` }
    await s3.store.put(name, '{"format":', { contentType: 'application/json' })
    await put(s3, snapshotOf(5))
    assert.equal(await exported(s3), 'e1/5')
    await s3.store.put(name, '{"format":2}', { contentType: 'application/json' })
    await assert.rejects(put(s3, snapshotOf(6)), { message: /newer Holdfast/ })
  })
})
