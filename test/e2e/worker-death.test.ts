import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { type Gateway, startStack, until } from '../helpers/stack.ts'
import { startLoad } from '../helpers/steady-load.ts'
import { startNode } from '../helpers/upstream-node.ts'

const CONNECTIONS = 8
/** Of 0.4 to 1 s on a quiet machine. */
const BACK_WITHIN_MS = 1_500
const KILLS = 3

interface WorkerStatus {
  pid: number
  serving: boolean
  inSync: boolean
}

async function workersOf(gateway: Gateway): Promise<WorkerStatus[]> {
  return (await gateway.sync()).workers
}

/** Kills a worker with SIGKILL; resolves with the milliseconds until as many serve again. */
async function killWorker(gateway: Gateway): Promise<number> {
  const before = await workersOf(gateway)
  const victim = before[0]
  assert.ok(victim)
  process.kill(victim.pid, 'SIGKILL')
  const killedAt = performance.now()
  await until(async () => {
    const now = await workersOf(gateway)
    const living = now.filter(({ pid, serving, inSync }) => pid !== victim.pid && serving && inSync)
    return living.length === before.length
  })
  return performance.now() - killedAt
}

suite('a worker killed with SIGKILL', () => {
  test('takes only its own requests with it and is back soon', async (t) => {
    const { control, gateway } = await startStack(t, { workers: 2 })
    const node = await startNode(t)
    const upstream = { type: 'roundrobin', nodes: { [node.address]: 1 } }
    await control.admin('PUT', '/routes/1', { uri: '/*', upstream })
    await until(async () => (await fetch(gateway.url)).ok)

    const load = startLoad(gateway.url, CONNECTIONS)
    const backMs: number[] = []
    for (let n = 0; n < KILLS; n++) backMs.push(await killWorker(gateway))
    const rounded = backMs.map((ms) => Math.round(ms)).join(', ')
    t.diagnostic(`back after ${rounded} ms`)
    // The best one: the machine may be busy with something else for a while.
    assert.ok(Math.min(...backMs) <= BACK_WITHIN_MS, `back after ${rounded} ms`)
    const { sent, failures } = await load.stop()
    t.diagnostic(`${sent} requests, ${failures.length} failed`)
    // What was in flight in the killed worker is lost, once per connection; nothing else.
    assert.ok(failures.length <= KILLS * CONNECTIONS, JSON.stringify(failures))
  })

  test('costs no refused connection even when it is the only one', async (t) => {
    const { control, gateway } = await startStack(t, { workers: 1 })
    const node = await startNode(t)
    const upstream = { type: 'roundrobin', nodes: { [node.address]: 1 } }
    await control.admin('PUT', '/routes/1', { uri: '/*', upstream })
    await until(async () => (await fetch(gateway.url)).ok)

    const load = startLoad(gateway.url, CONNECTIONS)
    await killWorker(gateway)
    const { failures } = await load.stop()
    assert.deepEqual(
      failures.filter(({ what }) => what === 'ECONNREFUSED'),
      [],
    )
  })
})
