import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, type TestContext, test } from 'node:test'
import pg from 'pg'
import pino from 'pino'
import {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  startEmbeddedPostgres,
} from '../../src/store/embedded-postgres.ts'

const log = pino({ level: 'silent' })

async function emptyFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'holdfast-embedded-'))
  // As root, PostgreSQL runs as another user, which has to get in.
  await chmod(path, 0o711)
  return path
}

async function start(
  t: TestContext,
  dataDir: string,
  options: Partial<EmbeddedPostgresOptions> = {},
): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDir, log, durable: false, ...options })
  t.after(() => server.stop())
  return server
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

/** Another process that starts a server on the folder and stays; resolves when it runs. */
async function startElsewhere(dataDir: string) {
  const module = join(import.meta.dirname, '../../src/store/embedded-postgres.ts')
  const script = `
    import { startEmbeddedPostgres } from ${JSON.stringify(module)}
    import pino from 'pino'
    const server = await startEmbeddedPostgres({
      dataDir: ${JSON.stringify(dataDir)}, log: pino({ level: 'silent' }), durable: false })
    process.stdout.write(String(server.pid))
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    cwd: join(import.meta.dirname, '../..'),
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [output] = await once(child.stdout, 'data')
  return { child, serverPid: Number(output) }
}

suite('embedded postgresql', () => {
  const folders: string[] = []
  let dataDir = ''
  /** For tests that need a first start: making a cluster takes its time. */
  const freshDataDir = async () => {
    const path = await emptyFolder()
    folders.push(path)
    return join(path, 'postgres')
  }
  before(async () => {
    dataDir = await freshDataDir()
  })
  after(async () => {
    for (const path of folders) await rm(path, { recursive: true, force: true })
  })

  test('a second start finds everything again, on the same port', async (t) => {
    const first = await start(t, dataDir)
    await query(first.url, 'CREATE TABLE kept AS SELECT 42 AS n')
    await first.stop()
    await first.stop()
    const second = await start(t, dataDir)
    assert.equal(second.url, first.url)
    assert.deepEqual(await query(second.url, 'SELECT n FROM kept'), [{ n: 42 }])
    const [settings] = await query(
      second.url,
      `SELECT current_setting('listen_addresses') AS listens, current_setting('data_checksums') AS sums,
              current_setting('password_encryption') AS password, current_setting('lc_messages') AS lc,
              pg_encoding_to_char(encoding) AS encoding FROM pg_database WHERE datname = 'holdfast'`,
    )
    assert.deepEqual(settings, {
      ...{ listens: '127.0.0.1', sums: 'on', password: 'scram-sha-256', lc: 'C', encoding: 'UTF8' },
    })
    assert.equal((await stat(join(dataDir, 'password'))).mode & 0o777, 0o600)
  })

  test('it is durable unless told otherwise', async (t) => {
    const { url } = await start(t, dataDir, { durable: true })
    assert.deepEqual(await query(url, 'SHOW fsync'), [{ fsync: 'on' }])
    assert.deepEqual(await query(url, 'SHOW synchronous_commit'), [{ synchronous_commit: 'on' }])
  })

  test('a crash of the server is reported, and the next start recovers', async (t) => {
    const server = await start(t, dataDir, { settings: { synchronous_commit: 'on' } })
    await query(server.url, 'CREATE TABLE crashed AS SELECT 1 AS n')
    const reason = new Promise<string>((resolve) => server.onExit(resolve))
    process.kill(server.pid, 'SIGKILL')
    assert.equal(await reason, 'killed by SIGKILL')
    await server.stop()
    const again = await start(t, dataDir)
    assert.deepEqual(await query(again.url, 'SELECT n FROM crashed'), [{ n: 1 }])
  })

  test('a folder in use by a living process is refused, then free when that one is killed', async (t) => {
    const { child } = await startElsewhere(dataDir)
    t.after(() => child.kill('SIGKILL'))
    await assert.rejects(start(t, dataDir), {
      code: 'GW_EMBEDDED_DATABASE',
      message: new RegExp(`in use by process ${child.pid}`),
    })
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
    const { url } = await start(t, dataDir)
    await query(url, 'SELECT 1')
  })

  test('a pid file with the number of some other process is no obstacle', async (t) => {
    await writeFile(join(dataDir, 'cluster', 'postmaster.pid'), `${process.ppid}\n`)
    await query((await start(t, dataDir)).url, 'SELECT 1')
  })

  test('what an interrupted first start leaves is no obstacle', async (t) => {
    const fresh = await freshDataDir()
    await mkdir(join(fresh, 'unfinished-1', 'base'), { recursive: true })
    await writeFile(join(fresh, 'unfinished-1', 'PG_VERSION'), '18\n')
    await writeFile(join(fresh, 'owner'), '1 12345')
    await query((await start(t, fresh)).url, 'SELECT 1')
    assert.ok(!(await readdir(fresh)).some((name) => name.startsWith('unfinished')))
  })

  test('another port is taken when the last one is not free any more', async (t) => {
    const first = await start(t, dataDir)
    await first.stop()
    const squatter = createServer().listen(first.port, '127.0.0.1')
    await once(squatter, 'listening')
    t.after(() => squatter.close())
    const second = await start(t, dataDir)
    assert.notEqual(second.port, first.port)
    assert.equal(await readFile(join(dataDir, 'port'), 'utf8'), `${second.port}\n`)
  })

  test('a server that cannot start says why', async (t) => {
    const starting = start(t, dataDir, { settings: { no_such_setting: '1' } })
    await assert.rejects(starting, { code: 'GW_EMBEDDED_DATABASE', message: /no_such_setting/ })
  })
})
