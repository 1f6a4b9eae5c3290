import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { after, before, suite, type TestContext, test } from 'node:test'
import pino from 'pino'
import { createDatabase, type Database, type DatabaseOptions } from '../../src/store/database.ts'
import { freePort } from '../helpers/free-port.ts'
import { createTestDatabase, startTestPostgres, type TestDatabase } from '../helpers/postgres.ts'

const silent = pino({ level: 'silent' })
const DEADLINE_MS = 3_200

function open(
  t: Pick<TestContext, 'after'>,
  url: string,
  options: Partial<DatabaseOptions> = {},
): Database {
  const database = createDatabase({ url, log: silent, ...options })
  t.after(() => database.stop())
  return database
}

/** `h:p` of a URL, and what stands around it. */
function partsOf(url: string): { host: string; withHosts(hosts: string, query?: string): string } {
  const { host } = new URL(url)
  return { host, withHosts: (hosts, query = '') => url.replace(host, hosts) + query }
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  return address.port
}

/** Accepts connections and never says a word. */
async function silentServer(t: Pick<TestContext, 'after'>): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
  })
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return listen(server)
}

/** Rejects as unavailable within the deadline; resolves to the message. */
async function unavailable(work: Promise<unknown>, withinMs = DEADLINE_MS): Promise<string> {
  const startedAt = performance.now()
  let message = ''
  await assert.rejects(work, (error: Error & { code?: string }) => {
    assert.equal(error.code, 'GW_STORE_UNAVAILABLE', error.message)
    message = error.message
    return true
  })
  const tookMs = performance.now() - startedAt
  assert.ok(tookMs < withinMs, `took ${Math.round(tookMs)} ms`)
  return message
}

function nextState(database: Database, status: string): Promise<void> {
  if (database.state.status === status) return Promise.resolve()
  return new Promise((resolve) => {
    const off = database.onState((state) => {
      if (state.status !== status) return
      off()
      resolve()
    })
  })
}

suite('database', () => {
  let shared: TestDatabase
  before(async () => {
    shared = await createTestDatabase()
  })
  after(() => shared.drop())

  test('queries, and tells its state', async (t) => {
    const database = open(t, shared.url)
    assert.equal(database.state.status, 'unknown')
    assert.deepEqual(await database.query('SELECT $1::int AS n', [1]), [{ n: 1 }])
    assert.deepEqual(database.state, { status: 'up', host: partsOf(shared.url).host })
  })

  test('a refused statement is told apart from a lost connection', async (t) => {
    const database = open(t, shared.url)
    const refused = { code: 'GW_STORE_FAILED' }
    await assert.rejects(database.query('SELECT nonsense'), refused)
    await assert.rejects(
      database.transaction((tx) => tx.query('SELECT 1 / 0')),
      refused,
    )
    const swallowed = database.transaction(async (tx) => {
      await tx.query('SELECT 1 / 0').catch(() => {})
    })
    await assert.rejects(swallowed, refused)
    assert.equal(database.state.status, 'up')
    assert.deepEqual(await database.query('SELECT 1 AS n'), [{ n: 1 }])
  })

  test('a transaction that throws is rolled back, and its own error comes out', async (t) => {
    const database = open(t, shared.url)
    await database.query('CREATE TABLE rolled (n int)')
    const work = database.transaction(async (tx) => {
      await tx.query('INSERT INTO rolled VALUES (1)')
      throw new RangeError('mine')
    })
    await assert.rejects(work, RangeError)
    assert.deepEqual(await database.query('SELECT * FROM rolled'), [])
  })

  test('more callers than connections all get their turn', async (t) => {
    const database = open(t, shared.url, { maxConnections: 3 })
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, n) => database.query('SELECT $1::int AS n', [n])),
    )
    assert.deepEqual(
      answers.flat(),
      answers.map((_, n) => ({ n })),
    )
  })

  test('callers that find all connections busy are told so in time', async (t) => {
    const database = open(t, shared.url, { maxConnections: 1, queryTimeoutMs: 1_200 })
    const slow = database.query('SELECT pg_sleep(0.5)')
    const late = Array.from({ length: 10 }, () => database.query('SELECT pg_sleep(0.4)'))
    await slow
    const settled = await Promise.allSettled(late)
    assert.ok(settled.some(({ status }) => status === 'rejected'))
    await database.query('SELECT 1')
  })

  test('a connection killed in mid-transaction leaves all or nothing', async (t) => {
    const database = open(t, shared.url)
    const killer = open(t, shared.url)
    await database.query('CREATE TABLE killed (n int)')
    let runs = 0
    await database.transaction(async (tx) => {
      runs++
      await tx.query('INSERT INTO killed VALUES ($1)', [runs])
      const [row] = await tx.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
      if (runs === 1) await killer.query('SELECT pg_terminate_backend($1)', [row?.pid])
      await tx.query('INSERT INTO killed VALUES ($1)', [runs])
    })
    // The first run was lost before its COMMIT, so the work ran again, once.
    assert.deepEqual(await database.query('SELECT n FROM killed'), [{ n: 2 }, { n: 2 }])
  })

  test('a wrong password has a reason of its own, is not hammered, and stays secret', async (t) => {
    const lines: string[] = []
    const log = pino({ level: 'trace' }, { write: (line) => void lines.push(line) })
    const wrong = new URL(shared.url)
    wrong.password = 'canary-password'
    const database = open(t, wrong.href, { log })
    const messages: string[] = []
    for (let i = 0; i < 20; i++) messages.push(await unavailable(database.query('SELECT 1')))
    assert.match(messages[0] ?? '', /refuses the user name or password/)
    assert.match(database.state.reason ?? '', /refuses the user name or password/)
    assert.doesNotMatch(messages.join() + lines.join() + JSON.stringify(database.state), /canary/)
    assert.equal(lines.length, 1, 'one attempt, one line')
  })

  test('a database that does not exist is told as such', async (t) => {
    const url = new URL(shared.url)
    url.pathname = '/missing'
    assert.match(await unavailable(open(t, url.href).query('SELECT 1')), /no such database/)
  })

  test('a dead first host is passed over', async (t) => {
    const { host, withHosts } = partsOf(shared.url)
    const dead = `127.0.0.1:${await freePort()}`
    const database = open(t, withHosts(`${dead},${host}`, '?target_session_attrs=read-write'))
    await database.query('SELECT 1')
    assert.equal(database.state.host, host)
  })

  test('a first host that accepts and never answers is passed over', async (t) => {
    const { host, withHosts } = partsOf(shared.url)
    const frozen = `127.0.0.1:${await silentServer(t)}`
    const database = open(t, withHosts(`${frozen},${host}`))
    const startedAt = performance.now()
    await database.query('SELECT 1')
    assert.ok(performance.now() - startedAt < 2_000)
    assert.equal(database.state.host, host)
  })

  test('a server that accepts and never answers is down after the deadline', async (t) => {
    const { withHosts } = partsOf(shared.url)
    const database = open(t, withHosts(`127.0.0.1:${await silentServer(t)}`))
    const calls = Array.from({ length: 50 }, () => unavailable(database.query('SELECT 1')))
    for (const message of await Promise.all(calls)) assert.match(message, /does not answer in time/)
    assert.equal(database.state.status, 'down')
  })

  test('the role decides between hosts', async (t) => {
    const server = await startTestPostgres(t, { default_transaction_read_only: 'on' })
    const readOnly = partsOf(server.url).host
    const { user, pass } = { user: 'roles', pass: 'p%40ss' }
    const admin = open(t, `${shared.url}?options=-c%20default_transaction_read_only%3Doff`)
    const other = open(t, `${server.url}?options=-c%20default_transaction_read_only%3Doff`)
    for (const side of [admin, other]) {
      await side.query(`CREATE ROLE ${user} LOGIN PASSWORD 'p@ss'`)
      await side.query('CREATE DATABASE roles OWNER roles')
    }
    t.after(async () => {
      await admin.query('DROP DATABASE roles WITH (FORCE)').catch(() => {})
      await admin.query('DROP ROLE roles').catch(() => {})
    })
    const writable = partsOf(shared.url).host
    const cases = [
      { session: 'any', host: readOnly },
      { session: 'read-write', host: writable },
      { session: 'read-only', host: readOnly },
      { session: 'primary', host: readOnly },
      { session: 'prefer-standby', host: readOnly },
      { session: 'standby', host: undefined },
    ]
    for (const { session, host } of cases) {
      await t.test(session, async (inner) => {
        const url = `postgres://${user}:${pass}@${readOnly},${writable}/roles?target_session_attrs=${session}`
        const database = open(inner, url)
        const query = database.query('SELECT 1')
        if (host === undefined) assert.match(await unavailable(query), /is not standby/)
        else assert.deepEqual(await query, [{ '?column?': 1 }])
        assert.equal(database.state.host, host)
      })
    }
  })

  test('a host that becomes read-only is left for the one that is not', async (t) => {
    const server = await startTestPostgres(t)
    const database = open(t, `${server.url}?target_session_attrs=read-write`)
    await database.query('CREATE TABLE moved (n int)')
    await database.query("ALTER SYSTEM SET default_transaction_read_only = 'on'")
    await database.query('SELECT pg_reload_conf()')
    const write = () => database.transaction((tx) => tx.query('INSERT INTO moved VALUES (1)'))
    // The reload reaches the backend some time after the call.
    let message = ''
    while (message === '')
      message = await write().then(
        () => '',
        (error: Error) => error.message,
      )
    assert.match(message, /is not read-write \(it is read-only\)/)
    assert.equal(database.state.status, 'down')
  })

  test('a stopped server fails calls at once; it is used again when it is back', async (t) => {
    const server = await startTestPostgres(t)
    const database = open(t, server.url)
    await database.query('SELECT 1')
    await server.stop()
    assert.match(
      await unavailable(database.query('SELECT 1'), 1500),
      /refuses connections|shutting down|cut the connection/,
    )
    await server.start()
    await nextState(database, 'up')
    await database.query('SELECT 1')
  })

  test('a frozen server fails calls within the deadline; it is used again when it thaws', async (t) => {
    const server = await startTestPostgres(t)
    const database = open(t, server.url)
    await database.query('SELECT 1')
    await server.freeze()
    const calls = Array.from({ length: 40 }, () => unavailable(database.query('SELECT 1')))
    await Promise.all(calls)
    await unavailable(database.transaction((tx) => tx.query('SELECT 1')))
    await server.thaw()
    await nextState(database, 'up')
    await database.query('SELECT 1')
  })
})
