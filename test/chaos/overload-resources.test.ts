import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startServing } from '../helpers/serving-stack.ts'
import { type Gateway, until } from '../helpers/stack.ts'
import { isShortForm } from './scale.ts'

const COSTLY = fileURLToPath(new URL('../helpers/costly-requests.ts', import.meta.url))

const LOAD_MS = 6_000
const SETTLE_MS = 3_000

interface Outcome {
  what: string
  ms: number
}

/** The status, or the code of what broke, and how long it took. */
function ask(url: string, agent: Agent): Promise<Outcome> {
  const startedAt = performance.now()
  const outcome = (what: string) => ({ what, ms: performance.now() - startedAt })
  return new Promise((resolve) => {
    const request = get(url, { agent, timeout: 5_000 }, (response) => {
      response.on('error', () => resolve(outcome('cut')))
      response.resume().on('end', () => resolve(outcome(String(response.statusCode))))
    })
    request.on('timeout', () => request.destroy(new Error('time-out')))
    request.on('error', (error: NodeJS.ErrnoException) =>
      resolve(outcome(error.code ?? error.message)),
    )
  })
}

async function askAnew(url: string): Promise<Outcome> {
  return ask(url, new Agent())
}

async function workerPid(gateway: Gateway): Promise<number> {
  return (await gateway.sync()).workers[0].pid
}

/** Leaves the process so many more file descriptors; returns what lifts the limit. */
function limitFiles(pid: number, spare: number): () => void {
  const open = new Set(readdirSync(`/proc/${pid}/fd`).map(Number))
  // The lowest free numbers are taken first; those above the limit stay valid.
  let limit = 0
  for (let free = 0; free <= spare; limit++) free += open.has(limit) ? 0 : 1
  limit -= 1
  const before = execFileSync('prlimit', [
    '--pid',
    `${pid}`,
    '--nofile',
    '--noheadings',
    '-o',
    'SOFT',
  ])
  const set = (value: string) => execFileSync('prlimit', ['--pid', `${pid}`, `--nofile=${value}:`])
  set(String(limit))
  return () => set(before.toString().trim())
}

/** Each was answered with 503 by the primary, or served since a descriptor was free. */
function assertRefusedSoon(outcomes: readonly Outcome[]): void {
  const slowest = Math.max(...outcomes.map(({ ms }) => ms))
  assert.ok(slowest < 1_000, `${slowest} ms`)
  assert.deepEqual(
    outcomes.filter(({ what }) => what !== '200' && what !== '503'),
    [],
  )
}

suite('out of file descriptors', () => {
  for (const which of ['primary', 'worker'] as const) {
    test(`in the ${which}: kept connections go on, and new ones when it is over`, async (t) => {
      const { gateway } = await startServing(t, {}, 1)
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      t.after(() => agent.destroy())
      const askKept = () => ask(gateway.url, agent)
      await askKept()
      const pid = which === 'primary' ? (gateway.child.pid ?? 0) : await workerPid(gateway)
      const lift = limitFiles(pid, 0)
      const anew = await Promise.all(Array.from({ length: 20 }, () => askAnew(gateway.url)))
      t.diagnostic(`new connections meanwhile: ${anew.map(({ what }) => what).join(' ')}`)
      if (which === 'worker') assertRefusedSoon(anew)
      for (let n = 0; n < 5; n++) {
        assert.equal((await askKept()).what, '200')
      }
      lift()
      const liftedAt = performance.now()
      await until(async () => (await askAnew(gateway.url)).what === '200')
      const tookMs = performance.now() - liftedAt
      t.diagnostic(`new connections served ${tookMs.toFixed(0)} ms after the limit was lifted`)
      assert.ok(tookMs < 1_000)
      assert.equal((await gateway.sync()).workerRestarts, 0)
    })
  }

  test('a node that cannot be connected to for lack of them is a 503', async (t) => {
    const { gateway, waiting } = await startServing(t, {}, 1)
    const agent = new Agent({ keepAlive: true, maxSockets: 30 })
    t.after(() => agent.destroy())
    const fill = Array.from({ length: 20 }, () => ask(gateway.url, agent))
    await Promise.all(fill)
    const lift = limitFiles(await workerPid(gateway), 3)
    const asked = Array.from({ length: 20 }, () => ask(`${gateway.url}/slow`, agent))
    const failed = await Promise.race(asked)
    assert.equal(failed.what, '503')
    lift()
    await until(async () => {
      for (const answer of waiting.splice(0)) answer()
      return (await ask(gateway.url, agent)).what === '200'
    })
    const outcomes: string[] = []
    for (const answer of asked) void answer.then(({ what }) => outcomes.push(what))
    // Some reach the node only now: answered are all, whenever they come.
    await until(() => {
      for (const answer of waiting.splice(0)) answer()
      return outcomes.length === asked.length
    })
    assert.deepEqual(
      outcomes.filter((what) => what !== '200' && what !== '503'),
      [],
    )
  })
})

suite('more requests than a worker can serve', () => {
  test('some are served soon, the rest refused soon, and it is over soon', async (t) => {
    if (isShortForm) return t.skip('latencies under overload: in the whole suite only')
    const { gateway } = await startServing(t, {
      HOLDFAST_OVERLOAD_LOOP_DELAY_MS: '50',
      NODE_OPTIONS: `--import=${COSTLY}`,
    })
    const outcomes: (Outcome & { endedAt: number })[] = []
    const startedAt = performance.now()
    const client = async (): Promise<void> => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      while (performance.now() < startedAt + LOAD_MS) {
        const outcome = await ask(gateway.url, agent)
        outcomes.push({ ...outcome, endedAt: performance.now() })
      }
      agent.destroy()
    }
    await Promise.all(Array.from({ length: 200 }, client))
    assert.deepEqual(
      outcomes.filter(({ what }) => what !== '200' && what !== '503'),
      [],
    )
    // All connect at once: until they have, and the worker knows what it can do, they wait.
    const steady = outcomes.filter(({ endedAt }) => endedAt > startedAt + SETTLE_MS)
    for (const status of ['200', '503']) {
      const times = steady.filter(({ what }) => what === status).map(({ ms }) => ms)
      times.sort((a, b) => a - b)
      const p99 = times.at(-Math.ceil(times.length / 100)) ?? 0
      t.diagnostic(`${status}: ${times.length} answers, p99 ${p99.toFixed(0)} ms`)
      assert.ok(times.length > 0)
      assert.ok(p99 < 2_000, `${p99} ms`)
    }
    const overAt = performance.now()
    await until(async () => (await gateway.sync()).workers[0].shedShare === 0)
    t.diagnostic(`back to normal after ${(performance.now() - overAt).toFixed(0)} ms`)
    assert.equal((await askAnew(gateway.url)).what, '200')
  })
})
