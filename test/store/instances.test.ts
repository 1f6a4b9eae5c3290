import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, suite, test } from 'node:test'
import pino from 'pino'
import type { InstanceReport } from '../../src/model/instance.ts'
import { createDatabase, type Database } from '../../src/store/database.ts'
import {
  createInstanceRepository,
  type InstanceHeartbeat,
  type InstanceRepository,
} from '../../src/store/instances.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/postgres.ts'

const log = pino({ level: 'silent' })

const report: InstanceReport = {
  version: '1.2.3',
  hostname: 'host-a',
  pid: 1,
  listeners: [{ host: '127.0.0.1', port: 9080 }],
  status: { host: '127.0.0.1', port: 7085 },
  tier: 'postgres',
  connected: true,
  notReady: null,
  draining: false,
  following: true,
  applied: null,
  servedDigest: null,
  workersWanted: 2,
  workers: [],
  quarantined: [],
  quarantinedTotal: 0,
}

suite('instances', () => {
  let testDatabase: TestDatabase
  let database: Database
  let instances: InstanceRepository
  before(async () => {
    testDatabase = await createTestDatabase()
    database = createDatabase({ url: testDatabase.url, log })
    instances = createInstanceRepository(database)
  })
  after(async () => {
    await database.stop()
    await testDatabase.drop()
  })

  function heartbeat(change: Partial<InstanceHeartbeat> = {}): InstanceHeartbeat {
    return {
      ...{ id: randomUUID(), run: randomUUID(), group: 'g', claim: undefined },
      ...{ uptimeMs: 5_000, stopped: false, report },
      ...change,
    }
  }

  async function makeOlder(id: string, ms: number): Promise<void> {
    await database.query(
      `UPDATE gateway_instance SET last_seen = now() - $2 * interval '1 ms' WHERE id = $1`,
      [id, ms],
    )
  }

  test('a report comes back with the age that the database sees', async () => {
    const beat = heartbeat()
    assert.ok(await instances.report(beat))
    const found = await instances.get('g', beat.id)
    assert.deepEqual(found?.report, report)
    assert.ok(found && found.ageMs >= 0 && found.ageMs < 5_000)
    const uptimeMs = Date.parse(found.lastSeen) - Date.parse(found.startedAt)
    assert.equal(uptimeMs, 5_000)
    await makeOlder(beat.id, 60_000)
    assert.ok(((await instances.get('g', beat.id))?.ageMs ?? 0) >= 60_000)
    assert.equal(await instances.get('other', beat.id), undefined)
  })

  test('the second process under one id has it; the first is told so', async () => {
    const first = heartbeat()
    const second = { ...first, run: randomUUID() }
    const claim = await instances.report(first)
    assert.equal(await instances.report({ ...first, claim }), claim)
    const taken = await instances.report(second)
    assert.ok(taken)
    assert.equal(await instances.report({ ...first, claim }), undefined)
    assert.equal(await instances.report({ ...second, claim: taken }), taken)
  })

  test('a row that a failover set back to the process before is taken over again', async () => {
    const old = heartbeat()
    const oldClaim = await instances.report(old)
    const present = { ...old, run: randomUUID() }
    const claim = await instances.report(present)
    // The standby never heard of the claim.
    await database.query(
      'UPDATE gateway_instance SET run = $2, claimed_at = $3::timestamptz WHERE id = $1',
      [old.id, old.run, oldClaim],
    )
    assert.equal(await instances.report({ ...present, claim }), claim)
  })

  test('lists are by group, in pages', async () => {
    const ids = Array.from({ length: 5 }, () => randomUUID()).sort()
    for (const id of ids) await instances.report(heartbeat({ id, group: 'pages' }))
    const all = await instances.list('pages')
    assert.deepEqual(
      all.map(({ id }) => id),
      ids,
    )
    const page = await instances.list('pages', { after: ids[1] ?? '', limit: 2 })
    assert.deepEqual(
      page.map(({ id }) => id),
      ids.slice(2, 4),
    )
  })

  test('of several janitors at once, each row is purged once', async () => {
    const old = heartbeat({ group: 'purge' })
    const young = heartbeat({ group: 'purge' })
    await instances.report(old)
    await instances.report(young)
    await makeOlder(old.id, 3_600_000)
    const counts = await Promise.all(Array.from({ length: 5 }, () => instances.purge(1_800_000)))
    assert.equal(
      counts.reduce((sum, count) => sum + count),
      1,
    )
    assert.deepEqual(
      (await instances.list('purge')).map(({ id }) => id),
      [young.id],
    )
  })
})
