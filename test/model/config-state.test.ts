import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ConfigState } from '../../src/model/config-state.ts'
import { ContentDigest, EMPTY_DIGEST } from '../../src/model/digest.ts'
import type { Change } from '../../src/model/revision.ts'
import type { Snapshot } from '../../src/model/snapshot.ts'

const EPOCH = '2f1ce1f0-0000-4000-8000-000000000001'

function emptySnapshot(): Snapshot {
  const generatedAt = '2026-01-05T00:00:00.000Z'
  return {
    _meta: {
      format: 1,
      group: 'default',
      epoch: EPOCH,
      revision: 0,
      digest: EMPTY_DIGEST,
      generatedAt,
    },
  }
}

/** The delta with the digest that `before` has after these changes. */
function deltaOn(before: ConfigState, changes: Change[]) {
  const probe = new ContentDigest(before.mark.digest)
  for (const change of changes) {
    const old = before.get(change.kind, change.id)
    if (old !== undefined) probe.remove(change.kind, change.id, old)
    if (change.op === 'put') probe.add(change.kind, change.id, change.body)
  }
  const to = { epoch: EPOCH, revision: before.mark.revision + 1, digest: probe.toString() }
  return { to, changes }
}

suite('ConfigState', () => {
  test('applies puts and deletes and returns to the digest of the empty set', () => {
    const state = ConfigState.from(emptySnapshot())
    state.apply(
      deltaOn(state, [{ op: 'put', kind: 'routes', id: '1', body: { id: '1', uri: '/a' } }]),
    )
    assert.equal(state.get('routes', '1')?.['uri'], '/a')
    assert.equal(state.size, 1)
    assert.notEqual(state.mark.digest, EMPTY_DIGEST)
    state.apply(deltaOn(state, [{ op: 'delete', kind: 'routes', id: '1' }]))
    assert.deepEqual(state.mark, { epoch: EPOCH, revision: 2, digest: EMPTY_DIGEST })
  })

  test('survives a round trip through a snapshot with the same mark', () => {
    const state = ConfigState.from(emptySnapshot())
    state.apply(
      deltaOn(state, [
        { op: 'put', kind: 'routes', id: '1', body: { id: '1', uri: '/a' } },
        { op: 'put', kind: 'consumers', id: 'jack', body: { username: 'jack' } },
      ]),
    )
    const copy = ConfigState.from(structuredClone(state.toSnapshot(new Date())))
    assert.deepEqual(copy.mark, state.mark)
    assert.equal(copy.get('consumers', 'jack')?.['username'], 'jack')
  })

  const refused = [
    { name: 'a gap', to: { epoch: EPOCH, revision: 2, digest: EMPTY_DIGEST } },
    { name: 'a repetition', to: { epoch: EPOCH, revision: 0, digest: EMPTY_DIGEST } },
    { name: 'another epoch', to: { epoch: 'other', revision: 1, digest: EMPTY_DIGEST } },
    { name: 'a digest it does not lead to', to: { epoch: EPOCH, revision: 1, digest: 'ff' } },
  ]
  for (const { name, to } of refused) {
    test(`refuses ${name}`, () => {
      const state = ConfigState.from(emptySnapshot())
      assert.throws(() => state.apply({ to, changes: [] }), { code: 'GW_SNAPSHOT_INVALID' })
    })
  }
})

suite('ContentDigest', () => {
  test('does not depend on the order of objects or fields', () => {
    const forward = new ContentDigest()
    forward.add('routes', '1', { id: '1', uri: '/a' })
    forward.add('routes', '2', { id: '2', uri: '/b' })
    const backward = new ContentDigest()
    backward.add('routes', '2', { uri: '/b', id: '2' })
    backward.add('routes', '1', { uri: '/a', id: '1' })
    assert.equal(forward.toString(), backward.toString())
  })

  test('tells kinds and ids apart', () => {
    const routes = new ContentDigest()
    routes.add('routes', '1', { id: '1' })
    const services = new ContentDigest()
    services.add('services', '1', { id: '1' })
    assert.notEqual(routes.toString(), services.toString())
  })
})
