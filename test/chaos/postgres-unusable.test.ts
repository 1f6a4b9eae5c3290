import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { startTestPostgres } from '../helpers/postgres.ts'
import { query } from '../helpers/postgres-cluster.ts'
import { startControl, startGateway, until } from '../helpers/stack.ts'
import { startLoad } from '../helpers/steady-load.ts'
import { startNode } from '../helpers/upstream-node.ts'

const LOCKED_OUT_MS = 6_000

suite('PostgreSQL unusable', () => {
  test('a password changed under way, and changed back', async (t) => {
    const postgres = await startTestPostgres(t)
    const user = new URL(postgres.url)
    user.username = 'app'
    user.password = 'right'
    await query(postgres.url, "CREATE ROLE app LOGIN SUPERUSER PASSWORD 'right'")
    const control = await startControl(t, user.href)
    const gateway = await startGateway(t, { databaseUrl: user.href })
    const put = (id: string) =>
      control.admin('PUT', `/routes/${id}`, {
        uri: `/${id}`,
        upstream: { type: 'roundrobin', nodes: { '127.0.0.1:1': 1 } },
      })
    assert.equal((await put('1')).status, 201)
    await until(async () => (await gateway.sync()).revision === 1)

    const changedAt = performance.now()
    await query(postgres.url, "ALTER ROLE app PASSWORD 'canary'")
    await query(
      postgres.url,
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'",
    )
    while (performance.now() < changedAt + LOCKED_OUT_MS) {
      const { status, body } = await put('2')
      assert.equal(status, 503)
      assert.match(body.error_msg, /refuses the user name or password/)
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    const { source, ready } = await gateway.sync()
    assert.match(source.reason, /refuses the user name or password/)
    assert.equal(ready, true)
    const log = await readFile(join(postgres.dataDir, 'postgres.log'), 'utf8')
    const attempts = log.split('password authentication failed').length - 1
    const seconds = (performance.now() - changedAt) / 1000

    await query(postgres.url, "ALTER ROLE app PASSWORD 'right'")
    const mendedAt = performance.now()
    await until(async () => (await put('2')).status < 300, 20_000)
    const writableMs = performance.now() - mendedAt
    await until(async () => (await gateway.sync()).revision === 2, 20_000)
    const followedMs = performance.now() - mendedAt
    t.diagnostic(
      `${attempts} attempts in ${seconds.toFixed(1)} s by two processes; after it was mended: ` +
        `first write ${Math.round(writableMs)} ms, gateway ${Math.round(followedMs)} ms`,
    )
    // Less than one a second from each.
    assert.ok(attempts < 2 * seconds)
    for (const { lines } of [control, gateway]) {
      assert.doesNotMatch(JSON.stringify(lines), /right@|canary/)
    }
  })

  test('a server that accepts and never answers', async (t) => {
    const postgres = await startTestPostgres(t)
    const control = await startControl(t, postgres.url)
    const gateway = await startGateway(t, { databaseUrl: postgres.url })
    const node = await startNode(t)
    const upstream = { type: 'roundrobin', nodes: { [node.address]: 1 } }
    const put = (id: string) => control.admin('PUT', `/routes/${id}`, { uri: `/${id}`, upstream })
    assert.equal((await put('1')).status, 201)
    await until(async () => (await fetch(`${gateway.url}/1`)).ok)
    const load = startLoad(`${gateway.url}/1`, 4)

    await postgres.freeze()
    let worstMs = 0
    for (let round = 0; round < 3; round++) {
      const startedAt = performance.now()
      const answers = await Promise.all(Array.from({ length: 10 }, (_, n) => put(`f${n}`)))
      worstMs = Math.max(worstMs, performance.now() - startedAt)
      for (const { status } of answers) assert.equal(status, 503)
    }
    await until(async () => !(await gateway.sync()).source.connected)
    assert.equal((await fetch(`${gateway.statusUrl}/status/ready`)).status, 200)

    await postgres.thaw()
    const thawedAt = performance.now()
    await until(async () => (await put('2')).status < 300)
    const writableMs = performance.now() - thawedAt
    await until(async () => (await fetch(`${gateway.url}/2`)).ok)
    const followedMs = performance.now() - thawedAt
    const { sent, failures } = await load.stop()
    t.diagnostic(
      `writes refused after ${Math.round(worstMs)} ms at worst; thawed: first write ${Math.round(writableMs)} ms, ` +
        `served ${Math.round(followedMs)} ms; ${sent} requests, ${failures.length} failed`,
    )
    assert.ok(worstMs < 3_000)
    assert.deepEqual(failures, [])
  })
})
