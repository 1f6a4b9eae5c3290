import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { pino } from 'pino'
import { ConfigState } from '../../src/model/config-state.ts'
import type { Snapshot } from '../../src/model/snapshot.ts'
import type { Backup } from '../../src/primary/backup/backup.ts'
import { ConfigService } from '../../src/primary/config-service.ts'
import type { ConfigSource } from '../../src/primary/sources/config-source.ts'
import type { FollowerListener } from '../../src/store/config-follower.ts'
import { until } from '../helpers/stack.ts'

const log = pino({ level: 'silent' })
const DOWN = { connected: false, reason: 'refused', since: new Date() }
const UP = { connected: true, since: new Date() }

function snapshotAt(revision: number, epoch = 'e'): Snapshot {
  const state = new ConfigState('default', { epoch, revision })
  state.load('routes', { id: '1', uri: `/${revision}`, upstream_id: 'u' })
  return state.toSnapshot(new Date(Date.now() - 60_000))
}

interface World {
  backup?: Snapshot
  s3?: Snapshot
  graceMs?: number
}

/** A service whose source says only what the test lets it say. */
async function startService(t: TestContext, { backup, s3, graceMs = 0 }: World) {
  let listener: FollowerListener | undefined
  let sent = 0
  const asked: unknown[] = []
  const primary: ConfigSource = {
    tier: 'postgres',
    local: false,
    start(_from, given) {
      listener = given
    },
    async stop() {},
  }
  const noBackup: Backup = {
    state: { revision: undefined, writtenAt: undefined, error: undefined, skipped: [] },
    load: async () => backup && { file: 'x', snapshot: backup, edited: false },
    async *all() {},
    schedule() {},
    async leave() {},
    async stop() {},
  }
  const fallback = {
    state: { error: undefined },
    async load(options: unknown) {
      asked.push(options)
      return s3
    },
    prepare() {},
    stop() {},
  }
  const events = {
    onSnapshot() {
      sent += 1
    },
    onDelta() {},
  }
  const service = new ConfigService({ primary, backup: noBackup, fallback, graceMs }, log, events)
  t.after(() => service.stop())
  await service.start()
  assert.ok(listener)
  return { service, source: listener, asked, sent: () => sent }
}

suite('ConfigService', () => {
  test('serves the backup at once, then PostgreSQL, whose age is 0', async (t) => {
    const { service, source } = await startService(t, { backup: snapshotAt(3), graceMs: 60_000 })
    assert.equal(service.state.tier, 'backup')
    assert.ok(service.ageSeconds >= 60)
    await source.onSnapshot(snapshotAt(4), 'initial')
    assert.equal(service.state.tier, 'postgres')
    assert.equal(service.serving?.source.mark.revision, 4)
    assert.equal(service.ageSeconds, 0)
    source.onState(DOWN)
    assert.deepEqual([service.state.tier, service.state.reason], ['postgres', 'refused'])
    assert.ok(service.ageSeconds < 5)
  })

  test('sends nothing to the workers when PostgreSQL says what the backup said', async (t) => {
    const { service, source, sent } = await startService(t, {
      backup: snapshotAt(3),
      graceMs: 60_000,
    })
    await source.onSnapshot(snapshotAt(3), 'initial')
    assert.equal(service.state.tier, 'postgres')
    assert.equal(sent(), 1)
  })

  test('lets PostgreSQL win even when it is behind', async (t) => {
    const { service, source } = await startService(t, { backup: snapshotAt(9), graceMs: 60_000 })
    await source.onSnapshot(snapshotAt(4), 'ahead')
    assert.equal(service.serving?.source.mark.revision, 4)
  })

  test('takes S3 after the grace, and never over what PostgreSQL said', async (t) => {
    const { service, source } = await startService(t, { s3: snapshotAt(5) })
    await until(() => service.state.tier === 's3')
    await source.onSnapshot(snapshotAt(6), 'initial')
    assert.equal(service.state.tier, 'postgres')
    assert.equal(service.serving?.source.mark.revision, 6)
  })

  const notBetter = [
    { name: 'an older revision', s3: snapshotAt(2) },
    { name: 'another history', s3: snapshotAt(99, 'other') },
  ]
  for (const { name, s3 } of notBetter) {
    test(`does not take ${name} from S3 over its backup`, async (t) => {
      const { service, asked } = await startService(t, { backup: snapshotAt(3), s3 })
      await until(() => asked.length > 0)
      await new Promise((resolve) => setImmediate(resolve))
      assert.equal(service.state.tier, 'backup')
      assert.equal(service.serving?.source.mark.revision, 3)
    })
  }

  test('asks S3 for nothing while PostgreSQL answers', async (t) => {
    const { service, source, asked } = await startService(t, { graceMs: 200, s3: snapshotAt(5) })
    source.onState(UP)
    await source.onSnapshot(snapshotAt(1), 'initial')
    await new Promise((resolve) => setTimeout(resolve, 300))
    assert.deepEqual(asked, [])
    assert.equal(service.serving?.source.mark.revision, 1)
  })
})
