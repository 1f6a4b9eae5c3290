import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { suite, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import pino from 'pino'
import { type RunningControlPlane, runControlPlane } from '../../src/control/main.ts'
import type { ControlSettings } from '../../src/settings/control-settings.ts'
import { createTestDatabase, startTestPostgres } from '../helpers/postgres.ts'
import { ADMIN_KEY, type AdminClient, type AdminReply, adminClient } from './admin-client.ts'

const snapshots = new EventEmitter()
const log = pino(
  { level: 'info' },
  {
    write(text: string) {
      const { msg, group } = JSON.parse(text)
      if (msg === 'snapshot loaded') snapshots.emit(group)
    },
  },
)
const service = { upstream: { nodes: { '127.0.0.1:80': 1 } } }

async function start(
  t: TestContext,
  databaseUrl: string,
): Promise<AdminClient & { controlPlane: RunningControlPlane }> {
  const settings: ControlSettings = {
    envFile: undefined,
    databaseUrl,
    databaseListenUrl: databaseUrl,
    adminKey: ADMIN_KEY,
    plugins: { external: [], enabled: undefined },
    adminApi: { keys: [], corsOrigins: undefined, serverHeader: undefined },
    adminListen: { host: '127.0.0.1', port: 0 },
    pollIntervalMs: 500,
    drainTimeoutMs: 2000,
    logFile: undefined,
    logLevel: 'silent',
    fallback: undefined,
    keys: [],
    instanceAges: { lostAfterMs: 10_000, offlineAfterMs: 60_000, purgeAfterMs: 600_000 },
  }
  const controlPlane = await runControlPlane(settings, log)
  t.after(() => controlPlane.stop())
  return { controlPlane, ...adminClient(controlPlane.address.port) }
}

/** Asks until the answer is as wanted. */
async function until(
  ask: () => Promise<AdminReply>,
  wanted: (reply: AdminReply) => boolean,
  deadlineMs = 30_000,
): Promise<AdminReply> {
  const deadlineAt = performance.now() + deadlineMs
  for (;;) {
    const reply = await ask()
    if (wanted(reply)) return reply
    const { status, body } = reply
    assert.ok(performance.now() < deadlineAt, `still ${status} ${JSON.stringify(body)}`)
    await delay(20)
  }
}

/** The reply, and that it came within the bound every answer has. */
async function timed(ask: () => Promise<AdminReply>): Promise<AdminReply> {
  const startedAt = performance.now()
  const reply = await ask()
  const tookMs = performance.now() - startedAt
  assert.ok(tookMs < 3000, `took ${tookMs} ms`)
  return reply
}

async function readiness(port: number): Promise<AdminReply> {
  const response = await fetch(`http://127.0.0.1:${port}/status/ready`)
  return { status: response.status, body: await response.json(), headers: response.headers }
}

suite('control plane without PostgreSQL', () => {
  test('it starts, is live, refuses with a reason, and recovers by itself', async (t) => {
    const postgres = await startTestPostgres(t)
    await postgres.stop()
    const { send, port } = await start(t, postgres.url)

    assert.equal((await fetch(`http://127.0.0.1:${port}/status`)).status, 200)
    const notReady = await readiness(port)
    assert.equal(notReady.status, 503)
    assert.match(notReady.body.reason, /./)
    for (const [method, body] of [['GET'], ['PUT', service]] as const) {
      const reply = await timed(() => send(method, '/services/1', body))
      assert.equal(reply.status, 503)
      assert.match(reply.body.error_msg, /./)
      assert.doesNotMatch(reply.body.error_msg, new RegExp(new URL(postgres.url).password))
    }

    await postgres.start()
    const created = await until(
      () => send('PUT', '/services/1', service),
      ({ status }) => status !== 503,
    )
    assert.equal(created.status, 201)
    assert.equal((await readiness(port)).body.source, 'database')
  })

  test('reads go on from memory while it is stopped or frozen; writes resume after', async (t) => {
    const postgres = await startTestPostgres(t)
    const { send, port } = await start(t, postgres.url)
    await until(
      () => send('PUT', '/services/1', service),
      ({ status }) => status === 201,
    )
    const blue = '/services/1?gateway_group_id=blue'
    const blueLoaded = once(snapshots, 'blue')
    await send('PUT', blue, { desc: 'blue' })
    await blueLoaded
    let before = await send('GET', '/services/1')

    const outages = [
      { begin: () => postgres.stop(), end: () => postgres.start() },
      { begin: () => postgres.freeze(), end: () => postgres.thaw() },
      { begin: () => postgres.kill(), end: () => postgres.start() },
    ]
    for (const { begin, end } of outages) {
      await until(
        () => readiness(port),
        ({ body }) => body.revision === before.body.modifiedIndex,
      )
      await begin()
      const write = timed(() => send('PUT', '/services/2', service))
      const stale = await timed(() => send('GET', '/services/1'))
      assert.equal(stale.status, 200)
      assert.deepEqual(stale.body, before.body)
      assert.equal(stale.headers.get('x-config-stale'), 'true')
      assert.match(stale.headers.get('x-holdfast-revision') ?? '', /^\d+$/)
      assert.match(stale.headers.get('x-config-age') ?? '', /^\d+$/)
      assert.equal((await write).status, 503)
      assert.match((await write).body.error_msg, /./)

      assert.deepEqual((await timed(() => send('GET', blue))).body.value.desc, 'blue')
      const missing = await timed(() => send('GET', '/services/none'))
      assert.deepEqual([missing.status, missing.body], [404, { message: 'Key not found' }])
      assert.equal((await timed(() => send('GET', '/routes'))).body.total, 0)
      const memory = await until(
        () => readiness(port),
        ({ body }) => body.source === 'memory',
      )
      assert.equal(memory.status, 200)

      await end()
      await until(
        () => send('PATCH', '/services/1', {}),
        ({ status }) => status === 200,
      )
      before = await until(
        () => send('GET', '/services/1'),
        ({ headers }) => headers.get('x-config-stale') === null,
      )
    }
  })

  test('a database of a newer Holdfast is left alone', async (t) => {
    const { url } = await createTestDatabase(t)
    const { default: pg } = await import('pg')
    const admin = new pg.Client({ connectionString: url })
    await admin.connect()
    await admin.query('INSERT INTO holdfast_schema (version) VALUES (999)')
    const { send, port } = await start(t, url)
    const reply = await until(
      () => send('PUT', '/services/1', service),
      ({ body }) => /newer|version 999/.test(body.error_msg),
    )
    assert.equal(reply.status, 503)
    assert.equal((await readiness(port)).status, 503)
    const { rows } = await admin.query('SELECT count(*)::int AS n FROM config_resource')
    await admin.end()
    assert.equal(rows[0].n, 0)
  })

  test('a stop lets the requests in flight finish', async (t) => {
    const { url } = await createTestDatabase(t)
    const { send, controlPlane } = await start(t, url)
    await until(
      () => send('PUT', '/services/1', service),
      ({ status }) => status === 201,
    )
    const writes = Array.from({ length: 5 }, (_, i) => send('PUT', `/services/w${i}`, service))
    await Promise.race(writes)
    await controlPlane.stop()
    for (const { status } of await Promise.all(writes)) assert.ok(status === 201 || status === 503)
    await assert.rejects(send('GET', '/services/1'))
  })

  test('a taken port is an error of the start', async (t) => {
    const { url } = await createTestDatabase(t)
    const { controlPlane } = await start(t, url)
    const settings = {
      envFile: undefined,
      databaseUrl: url,
      databaseListenUrl: url,
      adminKey: ADMIN_KEY,
      plugins: { external: [], enabled: undefined },
      adminApi: { keys: [], corsOrigins: undefined, serverHeader: undefined },
      adminListen: { host: '127.0.0.1', port: controlPlane.address.port },
      pollIntervalMs: 500,
      drainTimeoutMs: 2000,
      logFile: undefined,
      logLevel: 'silent' as const,
      fallback: undefined,
      keys: [],
      instanceAges: { lostAfterMs: 10_000, offlineAfterMs: 60_000, purgeAfterMs: 600_000 },
    }
    await assert.rejects(runControlPlane(settings, log), { code: 'EADDRINUSE' })
  })
})
