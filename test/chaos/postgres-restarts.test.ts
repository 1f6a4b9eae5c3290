import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { startTestPostgres } from '../helpers/postgres.ts'
import { query } from '../helpers/postgres-cluster.ts'
import { startControl, startGateway, until } from '../helpers/stack.ts'
import { startLoad } from '../helpers/steady-load.ts'
import { checkWrites, startWriter } from '../helpers/steady-writer.ts'
import { startNode } from '../helpers/upstream-node.ts'

const RESTARTS = 10
const STORM_MS = 4_000

async function startWriting(t: TestContext) {
  // On: what was acknowledged is in the log, also when the server is ended hard.
  const postgres = await startTestPostgres(t, { synchronous_commit: 'on' })
  const control = await startControl(t, postgres.url)
  const gateway = await startGateway(t, { databaseUrl: postgres.url })
  const node = await startNode(t)
  const upstream = { type: 'roundrobin', nodes: { [node.address]: 1 } }
  const writer = startWriter(control, upstream)
  await until(async () => (await fetch(`${gateway.url}/w1`)).ok)
  return { postgres, gateway, writer, load: startLoad(`${gateway.url}/w1`, 2) }
}

suite('PostgreSQL under steady writes', () => {
  test('restarts: no update is lost', async (t) => {
    const { postgres, gateway, writer, load } = await startWriting(t)
    const { acknowledged } = writer.report
    let worstMs = 0
    for (let restart = 0; restart < RESTARTS; restart++) {
      if (restart % 2 === 0) await postgres.stop()
      else await postgres.kill()
      await postgres.start()
      const startedAt = performance.now()
      const before = acknowledged.length
      await until(() => acknowledged.length > before + 5)
      worstMs = Math.max(worstMs, performance.now() - startedAt)
    }
    const report = await writer.stop()
    await checkWrites(postgres.url, gateway, report)
    const { sent, failures } = await load.stop()
    t.diagnostic(
      `${RESTARTS} restarts, ${acknowledged.length} writes done, ${report.refused.length} refused, none lost; ` +
        `writable again after ${Math.round(worstMs)} ms at worst; ${sent} requests, ${failures.length} failed`,
    )
    assert.deepEqual(failures, [])
  })

  test('connections killed again and again: what is answered 2xx is there, the rest is whole or absent', async (t) => {
    const { postgres, gateway, writer, load } = await startWriting(t)
    const end = performance.now() + STORM_MS
    let killed = 0
    while (performance.now() < end) {
      const rows = await query(
        postgres.url,
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE application_name LIKE 'holdfast%' AND random() < 0.7`,
      )
      killed += rows.length
    }
    const report = await writer.stop()
    await checkWrites(postgres.url, gateway, report)
    const { sent, failures } = await load.stop()
    const { acknowledged, refused } = report
    t.diagnostic(
      `${killed} connections killed, ${acknowledged.length} writes done, ${refused.length} refused; ` +
        `${sent} requests, ${failures.length} failed`,
    )
    assert.ok(killed > 20)
    assert.deepEqual(failures, [])
  })
})
