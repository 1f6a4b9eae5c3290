import assert from 'node:assert/strict'
import { readdir, readFile, stat } from 'node:fs/promises'
import { Agent, get } from 'node:http'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import {
  allServe,
  isAlive,
  startServing,
  type WorkerStatus,
  workersOf,
} from '../helpers/serving-stack.ts'
import { until } from '../helpers/stack.ts'
import { startLoad } from '../helpers/steady-load.ts'

const DEADLINE_MS = 5_000

/** Milliseconds that a request takes; on a connection of its own unless there is an agent. */
function ask(url: string, agent = new Agent()): Promise<number> {
  const startedAt = performance.now()
  return new Promise((resolve, reject) => {
    get(url, { agent, timeout: DEADLINE_MS }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`status ${response.statusCode}`))
      response.resume().on('end', () => resolve(performance.now() - startedAt))
    })
      .on('timeout', () => reject(new Error('no answer')))
      .on('error', reject)
  })
}

suite('a worker that stalls', () => {
  test('gets no connections meanwhile, and some again when it is back', async (t) => {
    const { gateway } = await startServing(t, { HOLDFAST_WORKER_STALL_MS: '1500' })
    const [victim] = await workersOf(gateway)
    assert.ok(victim)
    process.kill(victim.pid, 'SIGSTOP')
    const first = await Promise.all(Array.from({ length: 8 }, () => ask(gateway.url)))
    const slowest = Math.max(...first)
    t.diagnostic(`slowest of 8 new connections right after the stop: ${slowest.toFixed(0)} ms`)
    assert.ok(slowest < 3_000, `${slowest} ms`)
    await until(async () => (await workersOf(gateway)).some(({ silent }) => silent))
    const then = await Promise.all(Array.from({ length: 8 }, () => ask(gateway.url)))
    assert.ok(Math.max(...then) < 1_000, `${then}`)

    process.kill(victim.pid, 'SIGCONT')
    await until(async () => (await workersOf(gateway)).every(({ serving }) => serving))
    const load = startLoad(gateway.url, 8)
    await until(async () => {
      const worker = (await gateway.sync()).workers.find(
        ({ pid }: WorkerStatus) => pid === victim.pid,
      )
      return worker.connections > 0
    })
    const { sent, failures } = await load.stop()
    assert.deepEqual(failures, [], `${sent} sent`)
  })

  test('reads nothing from connections that others got meanwhile', async (t) => {
    const { gateway } = await startServing(t, { HOLDFAST_WORKER_STALL_MS: '1500' })
    const [victim] = await workersOf(gateway)
    assert.ok(victim)
    const agents = Array.from({ length: 8 }, () => new Agent({ keepAlive: true, maxSockets: 1 }))
    t.after(() => {
      for (const agent of agents) agent.destroy()
    })
    const askAll = () => Promise.all(agents.map((agent) => ask(gateway.url, agent)))
    process.kill(victim.pid, 'SIGSTOP')
    await askAll()
    // It asks which ones are its own, and gets no answer yet.
    gateway.child.kill('SIGSTOP')
    process.kill(victim.pid, 'SIGCONT')
    const end = performance.now() + 1_000
    try {
      while (performance.now() < end) await askAll()
    } finally {
      gateway.child.kill('SIGCONT')
    }
  })

  test('is replaced, then killed, and a report is kept', async (t) => {
    const { gateway } = await startServing(t, {
      HOLDFAST_WORKER_STALL_MS: '1500',
      HOLDFAST_WORKER_STALL_KILL_MS: '2500',
    })
    const [victim] = await workersOf(gateway)
    assert.ok(victim)
    process.kill(victim.pid, 'SIGSTOP')
    await until(() => allServe(gateway, victim.pid))
    await until(() => !isAlive(victim.pid))
    const serving = gateway.lines.findIndex(({ msg }) => msg === 'worker hangs, replacing it')
    const ended = gateway.lines.findIndex(({ msg }) => msg === 'lost worker ended')
    assert.ok(serving >= 0 && ended > serving)

    const [name = ''] = await readdir(join(gateway.dataDir, 'reports'))
    const path = join(gateway.dataDir, 'reports', name)
    assert.equal((await stat(path)).mode & 0o777, 0o600)
    const report = JSON.parse(await readFile(path, 'utf8'))
    assert.equal(report.pid, victim.pid)
    assert.match(report.process.state, /stopped/)
    assert.match(report.stack, /SIGSTOP/)
  })
})

suite('workers whose primary was killed', () => {
  test('finish what they have and end', async (t) => {
    const { gateway } = await startServing(t, { HOLDFAST_DRAIN_TIMEOUT_MS: '1000' })
    const pids = (await workersOf(gateway)).map(({ pid }) => pid)
    const agent = new Agent({ keepAlive: true })
    t.after(() => agent.destroy())
    await new Promise((resolve) => {
      get(gateway.url, { agent }, (response) => response.resume().on('end', resolve))
    })
    gateway.child.kill('SIGKILL')
    const killedAt = performance.now()
    await until(() => !pids.some(isAlive))
    const tookMs = performance.now() - killedAt
    t.diagnostic(`workers gone after ${tookMs.toFixed(0)} ms`)
    assert.ok(tookMs < 5_000)
  })
})
