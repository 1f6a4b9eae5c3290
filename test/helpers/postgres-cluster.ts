import { appendFile, chown, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { copyCluster, startServer, type TestPostgres } from './postgres-server.ts'
import { until } from './stack.ts'

/** What a crash of the server must not lose, it does not: WAL is written at once, if not to the disk. */
const SETTINGS = { synchronous_commit: 'on', wal_keep_size: '64MB', hot_standby: 'on' }

interface CleanUp {
  after(fn: () => Promise<void>): void
}

/** A primary and its standby, with streaming replication from one to the other. */
export interface PostgresPair {
  readonly primary: TestPostgres
  readonly standby: TestPostgres
  /** Names both, the primary first, and asks for the one that takes writes. */
  readonly url: string
  /** Resolves when the standby has replayed all that the primary has written. */
  caughtUp(): Promise<void>
  /** From now on the standby gets nothing any more. */
  cutReplication(): Promise<void>
  /** Resolves when the standby takes writes. */
  promote(): Promise<void>
}

/** Starts both; they end with the test. */
export async function startPostgresPair(t: CleanUp): Promise<PostgresPair> {
  const primary = await startServer(SETTINGS)
  t.after(() => primary.remove())
  const standby = await startServer(SETTINGS, async (dataDir) => {
    await primary.stop()
    await makeStandby(primary, dataDir)
    // Back before the standby starts, which would be free to take its port.
    await primary.start()
  })
  t.after(() => standby.remove())
  const { host } = new URL(primary.url)
  const hosts = `${host},${new URL(standby.url).host}`
  const pair = {
    primary,
    standby,
    url: `${primary.url.replace(host, hosts)}?target_session_attrs=read-write`,

    async caughtUp() {
      const [head] = await query(primary.url, 'SELECT pg_current_wal_lsn() AS lsn')
      await until(async () => {
        const [row] = await query(
          standby.url,
          `SELECT pg_last_wal_replay_lsn() >= '${head?.['lsn']}' AS done`,
        )
        return row?.['done'] === true
      })
    },

    async cutReplication() {
      await query(standby.url, "ALTER SYSTEM SET primary_conninfo = ''")
      await query(standby.url, 'SELECT pg_reload_conf()')
      await until(async () => {
        return (await query(standby.url, 'SELECT FROM pg_stat_wal_receiver')).length === 0
      })
    },

    async promote() {
      const [row] = await query(standby.url, 'SELECT pg_promote(true, 20) AS done')
      if (row?.['done'] !== true) throw new Error('the standby was not promoted')
    },
  }
  await pair.caughtUp()
  return pair
}

/** One statement on a connection of its own. */
export async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end().catch(() => {})
  }
}

/** A copy of the stopped primary's files, told to follow it. */
async function makeStandby(primary: TestPostgres, dataDir: string): Promise<void> {
  await copyCluster(primary.dataDir, dataDir)
  const cluster = join(dataDir, 'cluster')
  const { username, password, port } = new URL(primary.url)
  const login = `host=127.0.0.1 port=${port} user=${username} password=${password}`
  await appendFile(join(cluster, 'postgresql.auto.conf'), `primary_conninfo = '${login}'\n`)
  const signal = join(cluster, 'standby.signal')
  await writeFile(signal, '')
  // PostgreSQL opens it for writing.
  const { uid, gid } = await stat(join(cluster, 'PG_VERSION'))
  await chown(signal, uid, gid)
}
