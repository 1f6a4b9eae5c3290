import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ConfigMirror } from '../../src/control/config-mirror.ts'
import { ContentDigest } from '../../src/model/digest.ts'
import { StoreError } from '../../src/model/errors.ts'
import type { Delta } from '../../src/model/revision.ts'
import type { Snapshot } from '../../src/model/snapshot.ts'
import type { StoredResource } from '../../src/store/config-repository.ts'

const one = { id: '1', uri: '/one' }
const two = { id: '2', uri: '/two' }
const digest = new ContentDigest()
digest.add('routes', '1', one)

const snapshot: Snapshot = {
  _meta: {
    format: 1,
    group: 'default',
    epoch: 'e',
    revision: 7,
    digest: digest.toString(),
    generatedAt: '2026-01-01T00:00:00.000Z',
  },
  routes: [one],
}

function deltaTo(revision: number, changes: Delta['changes']): Delta {
  for (const change of changes) {
    if (change.op === 'put') digest.add(change.kind, change.id, change.body)
  }
  return { to: { epoch: 'e', revision, digest: digest.toString() }, changes }
}

function mirrorOver(list: () => Promise<StoredResource[]>, now = () => 0): ConfigMirror {
  return new ConfigMirror('default', { list }, now)
}

suite('ConfigMirror', () => {
  test('it knows who was created and changed when', async () => {
    const mirror = mirrorOver(async () => [{ body: one, createdRevision: 3, revision: 5 }])
    assert.equal(mirror.loaded, false)
    await mirror.onSnapshot(snapshot)
    assert.equal(mirror.loaded, true)
    mirror.onDelta(deltaTo(8, [{ op: 'put', kind: 'routes', id: '2', body: two }]))
    assert.equal(mirror.revision, 8)
    assert.deepEqual(mirror.list('routes'), [
      { body: one, createdRevision: 3, revision: 5 },
      { body: two, createdRevision: 8, revision: 8 },
    ])
    assert.equal(mirror.get('routes', '3'), undefined)
    assert.deepEqual(mirror.list('services'), [])
  })

  test('a snapshot is kept when the revisions of its objects cannot be read', async () => {
    const mirror = mirrorOver(async () => {
      throw new StoreError('GW_STORE_UNAVAILABLE', 'gone')
    })
    await mirror.onSnapshot(snapshot)
    assert.deepEqual(mirror.get('routes', '1'), { body: one, createdRevision: 7, revision: 7 })
  })

  test('its age counts from the loss of the connection', () => {
    let nowMs = 1000
    const mirror = mirrorOver(
      async () => [],
      () => nowMs,
    )
    mirror.onState({ connected: true })
    nowMs = 5000
    assert.equal(mirror.ageMs, 0)
    mirror.onState({ connected: false })
    nowMs = 8000
    mirror.onState({ connected: false })
    assert.equal(mirror.ageMs, 3000)
  })
})
