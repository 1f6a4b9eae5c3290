import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import pg from 'pg'
import pino from 'pino'
import { createLeaderLock, type LeaderLock } from '../../src/store/leader-lock.ts'
import { createTestDatabase, startTestPostgres } from '../helpers/postgres.ts'
import { until } from '../helpers/stack.ts'

const log = pino({ level: 'silent' })

function lockOn(t: TestContext, url: string, lock = 1): LeaderLock {
  const created = createLeaderLock({ url, lock, log })
  t.after(() => created.stop())
  created.start()
  return created
}

suite('leader lock', { concurrency: true }, () => {
  test('one holds it, the next gets it when it is given back', async (t) => {
    const { url } = await createTestDatabase(t)
    const first = lockOn(t, url)
    await until(() => first.isHeld)
    assert.equal(first.timeline, 1)
    const second = lockOn(t, url)
    const other = lockOn(t, url, 2)
    await until(() => other.isHeld)
    assert.equal(second.isHeld, false)
    await first.stop()
    assert.equal(first.isHeld, false)
    await until(() => second.isHeld)
  })

  test('a session that is ended is a lock that is lost, and had again', async (t) => {
    const { url } = await createTestDatabase(t)
    const lock = lockOn(t, url)
    await until(() => lock.isHeld)
    const admin = new pg.Client({ connectionString: url })
    await admin.connect()
    const end = `SELECT pg_terminate_backend(pid) FROM pg_locks
      WHERE locktype = 'advisory' AND objid = 1
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`
    assert.equal((await admin.query(end)).rowCount, 1)
    await admin.end()
    await until(() => !lock.isHeld)
    await until(() => lock.isHeld)
  })

  test('a server that freezes: not believed in any more, and had again after', async (t) => {
    const server = await startTestPostgres(t)
    const lock = lockOn(t, server.url)
    await until(() => lock.isHeld)
    await server.freeze()
    await until(() => !lock.isHeld)
    await server.thaw()
    await until(() => lock.isHeld)
  })

  test('without PostgreSQL it waits, and stops at once', async (t) => {
    const lock = lockOn(t, 'postgres://u:p@127.0.0.1:1/db')
    assert.equal(lock.isHeld, false)
    await lock.stop()
  })
})
