import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import pino from 'pino'
import { createDatabase } from '../../src/store/database.ts'
import { migrate } from '../../src/store/migrations.ts'
import { findPgbouncer, startPgbouncer } from '../helpers/pgbouncer.ts'
import { startTestPostgres } from '../helpers/postgres.ts'
import { query } from '../helpers/postgres-cluster.ts'
import { startControl, startGateway, until } from '../helpers/stack.ts'
import { checkWrites, startWriter } from '../helpers/steady-writer.ts'

const program = await findPgbouncer()
const skip =
  program === undefined && 'PgBouncer is not installed (Debian: apt-get install pgbouncer)'
const upstream = { type: 'roundrobin', nodes: { '127.0.0.1:1': 1 } }
/** So long that what arrives sooner came with a notification. */
const LONG_POLL = { HOLDFAST_POLL_INTERVAL_MS: '60000' }

async function startPooled(t: TestContext) {
  const postgres = await startTestPostgres(t, { synchronous_commit: 'on' })
  const pooler = await startPgbouncer(t, program ?? '', postgres.url)
  return { postgres, pooler }
}

suite('PgBouncer in transaction mode', { skip }, () => {
  test('migrations of several processes at once take turns, and leave no setting behind', async (t) => {
    const { pooler } = await startPooled(t)
    const log = pino({ level: 'silent' })
    await Promise.all(
      Array.from({ length: 4 }, async () => {
        const database = createDatabase({ url: pooler.url, log })
        await migrate(database, log)
        await database.stop()
      }),
    )
    const settings = ['lock_timeout', 'statement_timeout', 'idle_in_transaction_session_timeout']
    for (let round = 0; round < 6; round++) {
      const [row] = await query(
        pooler.url,
        `SELECT string_agg(setting, ',') AS set FROM pg_settings WHERE name IN ('${settings.join("','")}')`,
      )
      assert.equal(row?.['set'], '0,0,0')
    }
    const locks = await query(pooler.url, "SELECT FROM pg_locks WHERE locktype = 'advisory'")
    assert.deepEqual(locks, [])
  })

  test('with a subscription past it, changes arrive at once; kills of pooler and server lose nothing', async (t) => {
    const { postgres, pooler } = await startPooled(t)
    const env = { HOLDFAST_DATABASE_LISTEN_URL: postgres.url, ...LONG_POLL }
    const control = await startControl(t, pooler.url, env)
    const gateway = await startGateway(t, { databaseUrl: pooler.url, env })
    await gateway.waitForLog('subscription listening')
    await until(async () => (await gateway.sync()).source.connected)
    const writtenAt = performance.now()
    assert.equal((await control.admin('PUT', '/routes/1', { uri: '/1', upstream })).status, 201)
    await until(async () => (await gateway.sync()).revision === 1)
    const arrivedMs = performance.now() - writtenAt

    const writer = startWriter(control, upstream)
    const written = (more: number) => {
      const { length } = writer.report.acknowledged
      return until(() => writer.report.acknowledged.length > length + more)
    }
    await written(10)
    await pooler.kill()
    await pooler.start()
    await written(10)
    await postgres.stop()
    await postgres.start()
    await written(10)
    const report = await writer.stop()
    await checkWrites(postgres.url, gateway, report)
    t.diagnostic(
      `a change arrived after ${Math.round(arrivedMs)} ms; ${report.acknowledged.length} writes done, ` +
        `${report.refused.length} refused, none lost`,
    )
    assert.ok(arrivedMs < 2_000)
  })

  // Whether a heartbeat notices depends on which server session the pooler lends it.
  test('without one, the poll brings changes', async (t) => {
    const { pooler } = await startPooled(t)
    const control = await startControl(t, pooler.url)
    const env = { HOLDFAST_POLL_INTERVAL_MS: '500' }
    const gateway = await startGateway(t, { databaseUrl: pooler.url, env })
    assert.equal((await control.admin('PUT', '/routes/1', { uri: '/1', upstream })).status, 201)
    await until(async () => (await gateway.sync()).revision === 1)
  })
})
