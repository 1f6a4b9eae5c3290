import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { startTestPostgres } from '../helpers/postgres.ts'
import {
  type Gateway,
  startControl,
  startGateway,
  temporaryFolder,
  until,
} from '../helpers/stack.ts'
import { startLoad } from '../helpers/steady-load.ts'
import { startNode } from '../helpers/upstream-node.ts'
import { rounds } from './scale.ts'

const RESTARTS = rounds(5)
const KILLS = rounds(10)
const CONNECTIONS = 8
/** After each start. */
const REQUESTS = 500

interface WorkerStatus {
  pid: number
  serving: boolean
}

/** A data folder with the backup of one route, and a PostgreSQL that is gone for good. */
async function startWithoutPostgres(t: TestContext) {
  const postgres = await startTestPostgres(t)
  const control = await startControl(t, postgres.url)
  const node = await startNode(t)
  const upstream = { type: 'roundrobin', nodes: { [node.address]: 1 } }
  await control.admin('PUT', '/routes/1', { uri: '/*', upstream })
  const dataDir = await temporaryFolder(t)
  const options = { databaseUrl: postgres.url, dataDir }
  const gateway = await startGateway(t, options)
  await until(async () => (await gateway.sync()).backup.revision === 1)
  await gateway.stop()
  await postgres.kill()
  return { options, node }
}

async function servingWorkers(gateway: Gateway): Promise<WorkerStatus[]> {
  return (await gateway.sync()).workers.filter(({ serving }: WorkerStatus) => serving)
}

suite('PostgreSQL away for the whole run', () => {
  test('gateways start from the backup again and again, and fail nothing once ready', async (t) => {
    const { options, node } = await startWithoutPostgres(t)
    let sent = 0
    for (let n = 0; n < RESTARTS; n++) {
      const startedAt = performance.now()
      const gateway = await startGateway(t, options)
      const readyMs = performance.now() - startedAt
      const load = startLoad(gateway.url, CONNECTIONS)
      const before = node.requests()
      await until(() => node.requests() - before >= REQUESTS)
      assert.equal((await gateway.sync()).source.tier, 'backup')
      const report = await load.stop()
      assert.deepEqual(report.failures, [])
      sent += report.sent
      t.diagnostic(`start ${n + 1}: ready after ${readyMs.toFixed(0)} ms, 0 failed`)
      if (n % 2 === 0) await gateway.stop()
      else {
        gateway.child.kill('SIGKILL')
        await gateway.exited
      }
    }
    t.diagnostic(`${sent} requests, 0 failed`)
  })

  test('killed workers take at most what they had in hand, and are back within 1.5 s', async (t) => {
    const { options } = await startWithoutPostgres(t)
    const gateway = await startGateway(t, options)
    const load = startLoad(gateway.url, CONNECTIONS)
    const recoveries: number[] = []
    for (let n = 0; n < KILLS; n++) {
      const before = await servingWorkers(gateway)
      const victim = before[n % before.length]
      assert.ok(victim)
      process.kill(victim.pid, 'SIGKILL')
      const killedAt = performance.now()
      await until(async () => {
        const now = await servingWorkers(gateway)
        return now.length === before.length && !now.some(({ pid }) => pid === victim.pid)
      }, 60_000)
      recoveries.push(performance.now() - killedAt)
    }
    const { sent, failures } = await load.stop()
    recoveries.sort((a, b) => a - b)
    t.diagnostic(`${KILLS} kills: ${sent} requests, ${failures.length} cut with their worker`)
    t.diagnostic(
      `recovery: best ${recoveries[0]?.toFixed(0)} ms, worst ${recoveries.at(-1)?.toFixed(0)} ms`,
    )
    assert.ok(failures.length <= KILLS * CONNECTIONS)
    // A cut connection, never a wrong answer.
    assert.deepEqual(
      failures.filter(({ what }) => /^\d+$/.test(what)),
      [],
    )
  })
})
