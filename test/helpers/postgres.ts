import { randomBytes } from 'node:crypto'
import { after } from 'node:test'
import pg from 'pg'
import pino from 'pino'
import { createDatabase } from '../../src/store/database.ts'
import { migrate } from '../../src/store/migrations.ts'
import { startServer, type TestPostgres } from './postgres-server.ts'

/** Where `npm test` tells the test processes of the server that it started for all of them. */
export const TEST_POSTGRES_URL = 'TEST_POSTGRES_URL'

const TEMPLATE = 'holdfast_template'

/** Whatever can register a clean-up: a test's context. */
interface CleanUp {
  after(fn: () => Promise<void>): void
}

/** A database of its own, with the schema in place, on a real PostgreSQL. */
export interface TestDatabase {
  /** As superuser; includes the password. */
  readonly url: string
  readonly name: string
  /** Removes it, cutting connections that are still open. */
  drop(): Promise<void>
}

/**
 * Gives a test (`createTestDatabase(t)`: dropped in `t.after`) or a suite (without `t`, in
 * `before`; call `drop` in `after`) a database. Uses the server of `npm test`; when a file is run
 * by hand, one is started for it.
 */
export async function createTestDatabase(t?: CleanUp): Promise<TestDatabase> {
  const serverUrl = process.env[TEST_POSTGRES_URL] ?? (await ownServer()).url
  const name = `test_${randomBytes(6).toString('hex')}`
  await execute(serverUrl, `CREATE DATABASE ${name} TEMPLATE ${TEMPLATE}`)
  const database = {
    name,
    url: urlOf(serverUrl, name),
    drop: () => execute(serverUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  }
  t?.after(database.drop)
  return database
}

/** Starts a server that the test may stop, freeze or kill; its database `holdfast` is empty. */
export async function startTestPostgres(
  t: CleanUp,
  settings?: Record<string, string>,
): Promise<TestPostgres> {
  const server = await startServer(settings)
  t.after(() => server.remove())
  return server
}

/** Makes the database that test databases are copied from, with the schema in place. */
export async function createTemplate(serverUrl: string): Promise<void> {
  await execute(serverUrl, `CREATE DATABASE ${TEMPLATE}`)
  const log = pino({ level: 'silent' })
  const database = createDatabase({ url: urlOf(serverUrl, TEMPLATE), log })
  await migrate(database, log)
  await database.stop()
}

let shared: Promise<TestPostgres> | undefined

function ownServer(): Promise<TestPostgres> {
  shared ??= startServer().then(async (server) => {
    await createTemplate(server.url)
    return server
  })
  return shared
}

after(async () => {
  if (shared !== undefined) await (await shared).remove()
})

function urlOf(serverUrl: string, database: string): string {
  const url = new URL(serverUrl)
  url.pathname = `/${database}`
  return url.href
}

async function execute(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}
