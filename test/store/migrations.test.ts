import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import pino from 'pino'
import { createConfigRepository } from '../../src/store/config-repository.ts'
import { createDatabase, type Database } from '../../src/store/database.ts'
import { migrate, SCHEMA_VERSION } from '../../src/store/migrations.ts'
import { createTestDatabase } from '../helpers/postgres.ts'

const log = pino({ level: 'silent' })

function open(t: TestContext, url: string): Database {
  const database = createDatabase({ url, log })
  t.after(() => database.stop())
  return database
}

/** A database without our tables. */
async function emptyDatabase(t: TestContext): Promise<string> {
  const { url } = await createTestDatabase(t)
  const database = open(t, url)
  await database.query('DROP SCHEMA public CASCADE')
  await database.query('CREATE SCHEMA public')
  return url
}

async function versions(database: Database): Promise<number[]> {
  const rows = await database.query<{ version: number }>(
    'SELECT version FROM holdfast_schema ORDER BY version',
  )
  return rows.map(({ version }) => version)
}

suite('migrations', () => {
  test('running twice changes nothing and keeps what is stored', async (t) => {
    const database = open(t, await emptyDatabase(t))
    await migrate(database, log)
    const repository = createConfigRepository(database)
    await repository.write('g', 'test', async (tx) => tx.put('routes', 'a', { id: 'a' }))
    const before = await repository.readHead('g')
    await migrate(database, log)
    assert.deepEqual(await repository.readHead('g'), before)
    assert.equal((await versions(database)).at(-1), SCHEMA_VERSION)
  })

  test('eight processes at once make one schema', async (t) => {
    const url = await emptyDatabase(t)
    const databases = Array.from({ length: 8 }, () => open(t, url))
    await Promise.all(databases.map((database) => migrate(database, log)))
    const [database] = databases
    assert.ok(database)
    assert.deepEqual(
      await versions(database),
      Array.from({ length: SCHEMA_VERSION }, (_, i) => i + 1),
    )
  })

  test('a newer schema is refused and left alone', async (t) => {
    const { url } = await createTestDatabase(t)
    const database = open(t, url)
    const newer = SCHEMA_VERSION + 1
    await database.query('INSERT INTO holdfast_schema (version) VALUES ($1)', [newer])
    await assert.rejects(migrate(database, log), {
      code: 'GW_STORE_NEWER_SCHEMA',
      message: new RegExp(`schema version ${newer}`),
    })
    assert.equal((await versions(database)).at(-1), newer)
  })

  test('without the tables, reading says what to do', async (t) => {
    const database = open(t, await emptyDatabase(t))
    await assert.rejects(createConfigRepository(database).readHead('g'), {
      code: 'GW_STORE_FAILED',
      message: /run holdfast migrate/,
    })
  })

  test('a role without the right to create tables can start on a finished schema', async (t) => {
    const { url, name } = await createTestDatabase(t)
    const admin = open(t, url)
    const role = `reader_${name}`
    await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD 'x'`)
    await admin.query(`GRANT SELECT ON holdfast_schema TO ${role}`)
    t.after(() => admin.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`).catch(() => {}))
    const limited = new URL(url)
    limited.username = role
    limited.password = 'x'
    await migrate(open(t, limited.href), log)
  })
})
