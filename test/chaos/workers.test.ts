import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { createTestDatabase } from '../helpers/postgres.ts'
import { type Gateway, startControl, startGateway, until } from '../helpers/stack.ts'
import { startLoad } from '../helpers/steady-load.ts'
import { startNode } from '../helpers/upstream-node.ts'

/** How long the primary is stopped: longer than any silence that it would hold against a worker. */
const STOPPED_MS = 4_000

async function startServing(t: TestContext, env: Record<string, string>): Promise<Gateway> {
  const { url: databaseUrl } = await createTestDatabase(t)
  const control = await startControl(t, databaseUrl)
  const gateway = await startGateway(t, { databaseUrl, workers: 2, env })
  const node = await startNode(t)
  const upstream = { type: 'roundrobin', nodes: { [node.address]: 1 } }
  await control.admin('PUT', '/routes/1', { uri: '/*', upstream })
  await until(async () => (await fetch(gateway.url)).ok)
  return gateway
}

async function pidsOf(gateway: Gateway): Promise<number[]> {
  const { workers } = await gateway.sync()
  return workers.map(({ pid }: { pid: number }) => pid).sort()
}

suite('workers', () => {
  test('above the memory limit are replaced without a failed request', async (t) => {
    // Every worker is: each is replaced as soon as it is old enough.
    const gateway = await startServing(t, { HOLDFAST_WORKER_MAX_RSS_MB: '32' })
    const before = await pidsOf(gateway)
    const load = startLoad(gateway.url)
    await until(async () => {
      const now = await pidsOf(gateway)
      return now.length === 2 && now.every((pid) => !before.includes(pid))
    }, 40_000)
    const { sent, failures } = await load.stop()
    t.diagnostic(`2 workers replaced: ${sent} requests, ${failures.length} failed`)
    assert.deepEqual(failures, [])
  })

  test('survive a primary that is stopped for a while', async (t) => {
    const gateway = await startServing(t, {
      HOLDFAST_WORKER_STALL_MS: '1500',
      HOLDFAST_WORKER_STALL_KILL_MS: '2000',
    })
    const before = await pidsOf(gateway)
    gateway.child.kill('SIGSTOP')
    await delay(STOPPED_MS)
    gateway.child.kill('SIGCONT')
    await until(async () => (await fetch(gateway.url)).ok)
    // Two more of the silences that it would have held against them.
    await delay(STOPPED_MS)
    assert.deepEqual(await pidsOf(gateway), before)
    const { workerRestarts, workers } = await gateway.sync()
    assert.equal(workerRestarts, 0)
    assert.ok(workers.every(({ serving }: { serving: boolean }) => serving))
  })

  test('killed six times in a row come back, without a storm of forks', async (t) => {
    const gateway = await startServing(t, {})
    for (let n = 0; n < 6; n++) {
      await until(async () => (await pidsOf(gateway)).length > 0, 20_000)
      const [victim = 0] = await pidsOf(gateway)
      process.kill(victim, 'SIGKILL')
      await until(async () => !(await pidsOf(gateway)).includes(victim))
    }
    assert.notEqual((await gateway.sync()).degraded, null)
    const delays = gateway.lines
      .filter(({ msg }) => msg === 'worker ended, replacing it')
      .map(({ delayMs }) => Number(delayMs))
    t.diagnostic(`delays before the forks: ${delays.join(', ')} ms`)
    assert.ok((delays.at(-1) ?? 0) > 900)
    await until(async () => (await gateway.sync()).workers.length === 2, 20_000)
  })
})
