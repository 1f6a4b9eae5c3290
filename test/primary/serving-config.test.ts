import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ConfigState } from '../../src/model/config-state.ts'
import { ContentDigest } from '../../src/model/digest.ts'
import type { ResourceBody } from '../../src/model/resource-kind.ts'
import type { Change, Delta } from '../../src/model/revision.ts'
import { ServingConfig } from '../../src/primary/serving-config.ts'

const EPOCH = '2f1ce1f0-0000-4000-8000-000000000001'
const GOOD: ResourceBody = { id: '1', uri: '/good', upstream_id: 'u' }
const BAD: ResourceBody = { id: '1', uri: 7 }

function sourceOf(...routes: ResourceBody[]): ConfigState {
  const state = new ConfigState('default', { epoch: EPOCH, revision: 1 })
  for (const route of routes) state.load('routes', route)
  return state
}

function nextDelta(source: ConfigState, change: Change): Delta {
  const digest = new ContentDigest(source.mark.digest)
  const old = source.get(change.kind, change.id)
  if (old !== undefined) digest.remove(change.kind, change.id, old)
  if (change.op === 'put') digest.add(change.kind, change.id, change.body)
  const revision = source.mark.revision + 1
  return { to: { epoch: EPOCH, revision, digest: digest.toString() }, changes: [change] }
}

const put = (body: ResourceBody): Change => ({ op: 'put', kind: 'routes', id: '1', body })

suite('ServingConfig', () => {
  test('is the source itself while nothing is quarantined', async () => {
    const source = sourceOf(GOOD)
    const config = await ServingConfig.build(source)
    assert.deepEqual(config.mark, source.mark)
    assert.deepEqual(config.bodies('routes'), [GOOD])
    assert.deepEqual(config.quarantined, [])
  })

  test('leaves out an object that breaks its schema', async () => {
    const other = { id: '2', uri: '/other', upstream_id: 'u' }
    const config = await ServingConfig.build(sourceOf(BAD, other))
    assert.deepEqual(config.bodies('routes'), [other])
    assert.equal(config.mark.digest, sourceOf(other).mark.digest)
    assert.equal(config.quarantined[0]?.id, '1')
    assert.match(config.quarantined[0]?.reason ?? '', /uri/)
  })

  test('serves the last good version on, and the new one once it is mended', async () => {
    const source = sourceOf(GOOD)
    const config = await ServingConfig.build(source)
    const refused = config.apply(nextDelta(source, put(BAD)))
    assert.deepEqual(refused.changes, [])
    assert.deepEqual(config.bodies('routes'), [GOOD])
    assert.equal(refused.to.revision, 2)
    assert.equal(refused.to.digest, sourceOf(GOOD).mark.digest)

    const mended = { ...GOOD, uri: '/mended' }
    const accepted = config.apply(nextDelta(source, put(mended)))
    assert.deepEqual(accepted.changes, [put(mended)])
    assert.deepEqual(config.quarantined, [])
    assert.deepEqual(config.mark, source.mark)
  })

  test('forgets a quarantined object that is deleted', async () => {
    const source = sourceOf(GOOD)
    const config = await ServingConfig.build(source)
    config.apply(nextDelta(source, put(BAD)))
    const deleted = config.apply(nextDelta(source, { op: 'delete', kind: 'routes', id: '1' }))
    assert.equal(deleted.changes.length, 1)
    assert.deepEqual(config.bodies('routes'), [])
    assert.deepEqual(config.quarantined, [])
  })

  test('takes last good versions over from the configuration before', async () => {
    const before = await ServingConfig.build(sourceOf(GOOD))
    const config = await ServingConfig.build(sourceOf(BAD), before)
    assert.deepEqual(config.bodies('routes'), [GOOD])
  })

  test('refuses a delta that does not follow', async () => {
    const source = sourceOf(GOOD)
    const config = await ServingConfig.build(source)
    const delta = nextDelta(source, put({ ...GOOD, uri: '/next' }))
    delta.to.revision += 1
    assert.throws(() => config.apply(delta), { code: 'GW_SNAPSHOT_INVALID' })
  })

  test('takes back what a revision changed, until it is changed again', async () => {
    const source = sourceOf(GOOD)
    const config = await ServingConfig.build(source)
    const before = config.mark.digest
    config.apply(nextDelta(source, put({ ...GOOD, uri: '/deadly' })))
    assert.equal(config.refuse(2, 'workers died of it'), 1)
    assert.deepEqual(config.bodies('routes'), [GOOD])
    assert.equal(config.mark.digest, before)
    assert.deepEqual(
      config.refusedRevisions.map(({ revision }) => revision),
      [2],
    )

    const again = await ServingConfig.build(source, config)
    assert.deepEqual(again.bodies('routes'), [GOOD])
    const healed = { ...GOOD, uri: '/healed' }
    again.apply(nextDelta(source, put(healed)))
    assert.deepEqual(again.bodies('routes'), [healed])
    assert.deepEqual(again.refusedRevisions, [])
  })

  test('takes back a deletion', async () => {
    const source = sourceOf(GOOD)
    const config = await ServingConfig.build(source)
    config.apply(nextDelta(source, { op: 'delete', kind: 'routes', id: '1' }))
    assert.equal(config.refuse(2, 'workers died of it'), 1)
    assert.deepEqual(config.bodies('routes'), [GOOD])
  })
})
