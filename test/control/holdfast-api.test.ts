import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { suite, type TestContext, test } from 'node:test'
import pino from 'pino'
import type { InstanceReport } from '../../src/model/instance.ts'
import { createDatabase } from '../../src/store/database.ts'
import { createInstanceRepository, type InstanceRepository } from '../../src/store/instances.ts'
import { certificateFor } from '../model/schemas/certificates.ts'
import { ADMIN_KEY, type AdminReply, startAdminApi } from './admin-client.ts'

const upstream = { nodes: { '127.0.0.1:1980': 1 } }
const route = { uri: '/a', upstream }

const report: InstanceReport = {
  ...{ version: '1', hostname: 'h1', pid: 1, listeners: [], tier: 'postgres', connected: true },
  ...{ status: { host: '127.0.0.1', port: 1 }, notReady: null, draining: false, following: true },
  ...{ applied: null, servedDigest: null, workersWanted: 1 },
  ...{ workers: [{ id: 1, pid: 2, applied: null, serving: true, draining: false }] },
  ...{ quarantined: [], quarantinedTotal: 0 },
}

async function start(t: TestContext) {
  const api = await startAdminApi(t)
  const database = createDatabase({ url: api.databaseUrl, log: pino({ level: 'silent' }) })
  t.after(() => database.stop())
  const instances = createInstanceRepository(database)

  async function call(method: string, path: string, key = ADMIN_KEY): Promise<AdminReply> {
    const response = await fetch(`http://127.0.0.1:${api.port}/holdfast/v1${path}`, {
      method,
      headers: { 'x-api-key': key },
    })
    const { status, headers } = response
    return { status, headers, body: await response.json() }
  }
  return { ...api, call, instances }
}

/** An instance that reports what it is told to. */
function fakeInstance(instances: InstanceRepository, group = 'default') {
  const identity = { id: randomUUID(), run: randomUUID() }
  return {
    ...identity,
    async report(change: Partial<InstanceReport>, stopped = false) {
      await instances.report({
        ...{ ...identity, group, uptimeMs: 0, stopped, claim: undefined },
        report: { ...report, ...change },
      })
    },
  }
}

suite('holdfast api', () => {
  test('needs the key everywhere', async (t) => {
    const { call } = await start(t)
    for (const path of ['/instances', '/revisions', '/revisions/1', '/nothing']) {
      assert.equal((await call('GET', path, 'wrong')).status, 401, path)
    }
    assert.equal((await call('POST', '/revisions/1/restore', 'wrong')).status, 401)
    assert.equal((await call('GET', '/nothing')).status, 404)
  })

  test('arguments that make no sense are refused', async (t) => {
    const { call } = await start(t)
    const bad = [
      ...['/instances?limit=0', '/instances?limit=501', '/instances?limit=x', '/instances?after=x'],
      ...['/revisions?after=-1', '/revisions?limit=1&limit=2', '/instances?gateway_group_id='],
    ]
    for (const path of bad) assert.equal((await call('GET', path)).status, 400, path)
    for (const path of ['/revisions/0', '/revisions/1', '/revisions/x', '/revisions/1e1']) {
      assert.equal((await call('GET', path)).status, 404, path)
      assert.equal((await call('GET', `${path}/convergence`)).status, 404, path)
      assert.equal((await call('POST', `${path}/restore`)).status, 404, path)
    }
    assert.equal((await call('GET', '/instances/nobody')).status, 404)
    assert.equal((await call('GET', `/instances/${randomUUID()}`)).status, 404)
  })

  test('instances are listed in pages, each by itself, per group', async (t) => {
    const { call, instances } = await start(t)
    const fakes = Array.from({ length: 3 }, () => fakeInstance(instances))
    for (const fake of fakes) await fake.report({})
    await fakeInstance(instances, 'other').report({})
    const ids = fakes.map(({ id }) => id).sort()
    const first = await call('GET', '/instances?limit=2')
    assert.deepEqual(
      first.body.list.map(({ id }: { id: string }) => id),
      ids.slice(0, 2),
    )
    const second = await call('GET', `/instances?limit=2&after=${first.body.next}`)
    assert.deepEqual(
      second.body.list.map(({ id }: { id: string }) => id),
      ids.slice(2),
    )
    assert.equal(second.body.next, null)
    assert.equal((await call('GET', '/instances?gateway_group_id=other')).body.list.length, 1)

    const one = await call('GET', `/instances/${ids[0]}`)
    assert.equal(one.body.state, 'healthy')
    assert.equal(one.body.hostname, 'h1')
    assert.deepEqual(one.body.source, { tier: 'postgres', connected: true })
    assert.equal((await call('GET', `/instances/${ids[0]}?gateway_group_id=other`)).status, 404)
  })

  test('revisions tell who, when and what, without secrets', async (t) => {
    const { call, send } = await start(t)
    const { cert, key } = certificateFor('a.test')
    await send('PUT', '/routes/1', route)
    await send('PATCH', '/routes/1', { uri: '/b', desc: 'new' })
    await send('PUT', '/ssls/1', { cert, key, sni: 'a.test' })
    const other = certificateFor('a.test')
    await send('PUT', '/ssls/1', { cert: other.cert, key: other.key, sni: 'a.test' })
    await send('DELETE', '/routes/1')

    const list = await call('GET', '/revisions?limit=2')
    assert.deepEqual(
      list.body.list.map((each: { revision: number }) => each.revision),
      [5, 4],
    )
    assert.equal(list.body.next, 4)
    assert.equal(list.body.head.revision, 5)
    const { revision, actor, at, changes } = list.body.list[0]
    assert.deepEqual({ revision, actor, changes }, { revision: 5, actor: 'admin', changes: 1 })
    assert.ok(Math.abs(Date.parse(at) - Date.now()) < 60_000)
    const older = await call('GET', '/revisions?limit=5&after=4')
    assert.equal(older.body.list.length, 3)
    assert.equal(older.body.next, null)

    const created = (await call('GET', '/revisions/1')).body.changes[0]
    assert.equal(created.action, 'create')
    assert.equal(created.before, null)
    assert.equal(created.after.uri, '/a')

    const updated = (await call('GET', '/revisions/2')).body.changes[0]
    assert.equal(updated.action, 'update')
    const fields = updated.fields.filter(({ path }: { path: string }) => path !== '/update_time')
    assert.equal(fields.length, 2)
    const field = (path: string) => fields.find((each: { path: string }) => each.path === path)
    assert.deepEqual(field('/desc'), { path: '/desc', after: 'new' })
    assert.deepEqual(field('/uri'), { path: '/uri', before: '/a', after: '/b' })

    for (const n of [3, 4]) {
      const text = JSON.stringify((await call('GET', `/revisions/${n}`)).body)
      assert.ok(!text.includes('PRIVATE KEY'), `revision ${n} shows a private key`)
      assert.match(text, /redacted/)
    }
    const rotated = (await call('GET', '/revisions/4')).body.changes[0]
    const keyField = rotated.fields.find(({ path }: { path: string }) => path === '/key')
    assert.deepEqual(keyField, { path: '/key', before: '(redacted)', after: '(redacted)' })

    const deleted = (await call('GET', '/revisions/5')).body.changes[0]
    assert.equal(deleted.action, 'delete')
    assert.equal(deleted.before.uri, '/b')
    assert.equal(deleted.after, null)
  })

  test('restore puts an earlier revision back as one new one, byte by byte', async (t) => {
    const { call, send } = await start(t)
    await send('PUT', '/upstreams/u', upstream)
    await send('PUT', '/routes/1', { uri: '/a', upstream_id: 'u' })
    const before = await send('GET', '/routes/1')
    const digest = (await call('GET', '/revisions/2')).body.digest
    await send('DELETE', '/routes/1')
    await send('DELETE', '/upstreams/u')
    await send('PUT', '/routes/2', route)

    const restored = await call('POST', '/revisions/2/restore')
    assert.equal(restored.status, 200)
    assert.equal(restored.headers.get('x-holdfast-revision'), '6')
    assert.deepEqual(restored.body, {
      ...{ revision: 6, restored: 2, digest },
      changes: [
        { kind: 'routes', id: '1', op: 'put' },
        { kind: 'routes', id: '2', op: 'delete' },
        { kind: 'upstreams', id: 'u', op: 'put' },
      ],
    })
    assert.deepEqual((await send('GET', '/routes/1')).body.value, before.body.value)
    assert.equal((await send('GET', '/routes/2')).status, 404)
    assert.equal((await call('GET', '/revisions/6')).body.actor, 'admin')

    const again = await call('POST', '/revisions/6/restore')
    assert.deepEqual(again.body, { revision: 6, restored: 6, digest, changes: [] })
    const undone = await call('POST', '/revisions/5/restore')
    assert.equal(undone.body.revision, 7)
    assert.equal((await send('GET', '/routes/2')).status, 200)
  })

  test('a revision that is no longer kept is gone, not unknown', async (t) => {
    const { call, send, databaseUrl } = await start(t)
    for (let n = 0; n < 3; n++) await send('PUT', '/routes/1', route)
    const database = createDatabase({ url: databaseUrl, log: pino({ level: 'silent' }) })
    t.after(() => database.stop())
    await database.query('DELETE FROM config_log WHERE revision < 3')
    for (const [method, path] of [
      ['GET', '/revisions/2'],
      ['POST', '/revisions/2/restore'],
    ] as const) {
      const answer = await call(method, path)
      assert.equal(answer.status, 410, path)
      assert.match(answer.body.error_msg, /reaches back to revision 3/)
    }
  })
})

suite('a write with ?wait=all', () => {
  test('is refused before anything is written when the arguments are wrong', async (t) => {
    const { call, send } = await start(t)
    const bad = [
      ...['wait=some', 'wait=', 'wait=all&wait=all', 'wait=all&timeout_ms=0'],
      ...['wait=all&timeout_ms=60001', 'wait=all&timeout_ms=1.5', 'wait=all&timeout_ms='],
    ]
    for (const query of bad) {
      assert.equal((await send('PUT', `/routes/1?${query}`, route)).status, 400, query)
      assert.equal((await send('DELETE', `/routes/1?${query}`)).status, 400, query)
      assert.equal((await call('POST', `/revisions/1/restore?${query}`)).status, 400, query)
    }
    assert.equal((await call('GET', '/revisions')).body.list.length, 0)
    assert.equal((await send('GET', '/routes?wait=some')).status, 200)
  })

  test('answers at once when nobody is there, and does not wait for who is gone', async (t) => {
    const { send, instances } = await start(t)
    const nobody = await send('PUT', '/routes/1?wait=all', route)
    assert.equal(nobody.status, 201)
    assert.equal(nobody.headers.get('x-holdfast-converged'), 'true')
    assert.equal(nobody.headers.get('x-holdfast-instances'), '0')
    await fakeInstance(instances).report({}, true)
    await fakeInstance(instances, 'other').report({})
    const stopped = await send('DELETE', '/routes/1?wait=all')
    assert.equal(stopped.headers.get('x-holdfast-converged'), 'true')
    assert.equal(stopped.body.deleted, '1')
  })

  test('answers when the last worker reports it, and says at the time-out who does not', async (t) => {
    const { call, send, instances } = await start(t)
    const fake = fakeInstance(instances)
    await fake.report({ hostname: 'höst' })
    const late = await send('PUT', '/routes/1?wait=all&timeout_ms=200', route)
    assert.equal(late.status, 201)
    assert.equal(late.body.value.uri, '/a')
    assert.equal(late.headers.get('x-holdfast-converged'), 'false')
    assert.equal(late.headers.get('x-holdfast-instances'), '1')
    const waiting = JSON.parse(late.headers.get('x-holdfast-waiting') ?? '')
    assert.deepEqual(waiting, [
      {
        ...{ instance: fake.id, host: 'höst', worker: null, applied: null },
        reason: 'serves nothing yet',
      },
    ])
    assert.equal((await call('GET', '/revisions/1/convergence')).body.converged, false)

    const pending = send('PUT', '/routes/1?wait=all', route)
    let head = (await call('GET', '/revisions')).body.head
    while (head.revision < 2) head = (await call('GET', '/revisions')).body.head
    const worker = { id: 1, pid: 2, applied: head, serving: true, draining: false }
    await fake.report({ applied: head, servedDigest: head.digest, workers: [worker] })
    const reply = await pending
    assert.equal(reply.headers.get('x-holdfast-converged'), 'true')
    assert.equal(reply.headers.get('x-holdfast-waiting'), null)
    assert.deepEqual((await call('GET', '/revisions/2/convergence')).body, {
      ...{ revision: 2, live: 1, converged: true, waiting: [], digestMismatches: [], lost: [] },
    })
  })

  test('a hundred waits are one poll', async (t) => {
    const { send, instances, databaseUrl } = await start(t)
    await fakeInstance(instances).report({})
    const database = createDatabase({ url: databaseUrl, log: pino({ level: 'silent' }) })
    t.after(() => database.stop())
    const scans = async () => {
      const [row] = await database.query<{ count: string }>(
        `SELECT coalesce(sum(seq_scan + idx_scan), 0) AS count FROM pg_stat_user_tables
          WHERE relname = 'gateway_instance'`,
      )
      return Number(row?.count)
    }
    const writes = Array.from({ length: 100 }, (_, n) =>
      send('PUT', `/routes/${n}?wait=all&timeout_ms=1500`, route),
    )
    const replies = await Promise.all(writes)
    assert.ok(replies.every(({ headers }) => headers.get('x-holdfast-converged') === 'false'))
    const count = await scans()
    t.diagnostic(`${count} reads of the instances for 100 waits of 1.5 s`)
    // One each 50 ms; the writes themselves take a while on a busy machine.
    assert.ok(count < 150, `${count} reads`)
  })
})
