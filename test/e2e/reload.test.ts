import assert from 'node:assert/strict'
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { before, suite, type TestContext, test } from 'node:test'
import { createTestDatabase } from '../helpers/postgres.ts'
import { endProcess, startHoldfast } from '../helpers/process.ts'
import {
  type Gateway,
  startControl,
  startGateway,
  temporaryFolder,
  until,
} from '../helpers/stack.ts'
import { startLoad } from '../helpers/steady-load.ts'
import { suiteContext } from '../helpers/suite-context.ts'
import { startNode } from '../helpers/upstream-node.ts'

const STREAMS = 200

let databaseUrl: string
const context = suiteContext()

before(async () => {
  const database = await createTestDatabase(context)
  databaseUrl = database.url
  const control = await startControl(context, databaseUrl)
  const node = await startNode(context, 'node', (incoming, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' })
    // A stream that stays open, as events and web sockets do, until the node closes.
    if (incoming.url === '/stream') response.write('first\n')
    else response.end('ok')
  })
  const upstream = { type: 'roundrobin', nodes: { [node.address]: 1 } }
  await control.admin('PUT', '/routes/1', { uri: '/*', upstream })
})

/** A gateway of its own on the one configuration. */
async function startWithRoute(t: TestContext, env: Record<string, string> = {}): Promise<Gateway> {
  const gateway = await startGateway(t, { databaseUrl, env })
  await until(async () => (await fetch(gateway.url)).ok)
  return gateway
}

async function workerPids(gateway: Gateway): Promise<number[]> {
  return (await gateway.sync()).workers.map(({ pid }: { pid: number }) => pid)
}

/** Opens a response that does not end; `closed` says when it was cut. */
function openStream(url: string): Promise<{ closed: () => boolean; destroy: () => void }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(`${url}/stream`, { agent: new Agent() }, (response) => {
      let closed = false
      response.on('error', () => {})
      response.on('close', () => {
        closed = true
      })
      response.once('data', () => {
        resolve({ closed: () => closed, destroy: () => outgoing.socket?.resetAndDestroy() })
      })
    })
    outgoing.on('error', reject)
    outgoing.end()
  })
}

suite('SIGHUP', () => {
  test('replaces all workers without a failed request or a cut stream', async (t) => {
    const gateway = await startWithRoute(t)
    const streams = await Promise.all(
      Array.from({ length: STREAMS }, () => openStream(gateway.url)),
    )
    const before = await workerPids(gateway)
    const load = startLoad(gateway.url)
    gateway.child.kill('SIGHUP')
    await gateway.waitForLog('gateway reloaded', 20_000)
    const now = (await gateway.sync()).workers.filter((w: { serving: boolean }) => w.serving)
    const { sent, failures } = await load.stop()
    t.diagnostic(`${sent} requests during the reload, ${failures.length} failed`)
    assert.deepEqual(failures, [])
    assert.equal(now.length, 2)
    for (const { pid } of now) assert.ok(!before.includes(pid), 'a worker was not replaced')
    assert.equal(streams.filter((stream) => stream.closed()).length, 0, 'streams were cut')
    for (const stream of streams) stream.destroy()
    await until(async () => (await workerPids(gateway)).length === 2)
  })

  test('a storm of them becomes two reloads at most', async (t) => {
    const gateway = await startWithRoute(t)
    for (let n = 0; n < 100; n++) gateway.child.kill('SIGHUP')
    await gateway.waitForLog('gateway reloaded', 20_000)
    await until(async () => (await workerPids(gateway)).length === 2)
    const reloads = gateway.lines.filter(({ msg }) => msg === 'gateway reloaded').length
    assert.ok(reloads <= 2, `${reloads} reloads`)
  })

  test('reads the settings again, opens the log anew, and refuses what is wrong', async (t) => {
    const folder = await temporaryFolder(t)
    const envFile = join(folder, 'holdfast.env')
    const logFile = join(folder, 'gateway.log')
    await writeFile(envFile, '')
    const gateway = await startWithRoute(t, { HOLDFAST_ENV_FILE: envFile })
    assert.equal((await fetch(`${gateway.url}/healthy`)).headers.get('content-type'), 'text/plain')

    await writeFile(envFile, 'HOLDFAST_HEALTH_PATH=/healthy\nHOLDFAST_WORKERS=bogus\n')
    gateway.child.kill('SIGHUP')
    // The environment of the process sets the workers, so only a name can be wrong here.
    await writeFile(envFile, 'HOLDFAST_HEALTH_PATH=/healthy\nHOLDFAST_NONSENSE=1\n')
    gateway.child.kill('SIGHUP')
    await gateway.waitForLog('reload failed, nothing changed')
    assert.equal((await fetch(gateway.url)).status, 200)

    await writeFile(envFile, `HOLDFAST_HEALTH_PATH=/healthy\nHOLDFAST_LOG_FILE=${logFile}\n`)
    gateway.child.kill('SIGHUP')
    await until(async () => {
      const health = await fetch(`${gateway.url}/healthy`)
      return health.headers.get('content-type')?.startsWith('application/json') === true
    }, 20_000)
  })

  test('opens a rotated log file anew', async (t) => {
    const folder = await temporaryFolder(t)
    const logFile = join(folder, 'control.log')
    const { url } = await createTestDatabase(t)
    const control = startHoldfast(t, ['control'], {
      HOLDFAST_DATABASE_URL: url,
      HOLDFAST_ADMIN_KEY: 'test-admin-key-0123456789abcdef',
      HOLDFAST_ADMIN_LISTEN: '127.0.0.1:0',
      HOLDFAST_LOG_FILE: logFile,
    })
    const contains = async (path: string, text: string) =>
      (await readFile(path, 'utf8').catch(() => '')).includes(text)
    await until(() => contains(logFile, 'control plane listening'))
    await rename(logFile, `${logFile}.1`)
    control.child.kill('SIGHUP')
    await until(() =>
      readFile(logFile).then(
        () => true,
        () => false,
      ),
    )
    control.child.kill('SIGTERM')
    await control.exited
    assert.ok(await contains(logFile, 'control plane stopped'))
    assert.ok(!(await contains(`${logFile}.1`, 'control plane stopped')))
  })
})

suite('drain', () => {
  test('turns traffic away without refusing any, and can be undone', async (t) => {
    const gateway = await startWithRoute(t, { HOLDFAST_HEALTH_PATH: '/healthy' })
    const status = async (path: string) => (await fetch(gateway.statusUrl + path)).status
    assert.equal((await fetch(`${gateway.url}/healthy`)).status, 200)
    await fetch(`${gateway.statusUrl}/status/drain`, { method: 'POST' })
    assert.equal(await status('/status/ready'), 503)
    assert.equal(await status('/status'), 200)
    await until(async () => (await fetch(gateway.url)).headers.get('connection') === 'close')
    await until(async () => (await fetch(`${gateway.url}/healthy`)).status === 503)
    await fetch(`${gateway.statusUrl}/status/drain`, { method: 'DELETE' })
    assert.equal(await status('/status/ready'), 200)
    await until(async () => (await fetch(gateway.url)).headers.get('connection') !== 'close')
  })

  test('SIGTERM: unready at once, accepts while the balancer looks, loses nothing', async (t) => {
    const gateway = await startWithRoute(t, { HOLDFAST_DRAIN_WAIT_MS: '1500' })
    const load = startLoad(gateway.url)
    await until(async () => (await gateway.sync()).workers.length === 2)
    gateway.child.kill('SIGTERM')
    await gateway.waitForLog('gateway draining')
    assert.equal((await fetch(`${gateway.statusUrl}/status/ready`)).status, 503)
    assert.equal((await fetch(gateway.url)).status, 200, 'it still accepts')
    // What a balancer does when it has seen the 503.
    const { sent, failures } = await load.stop()
    assert.equal(await gateway.exited, 0)
    t.diagnostic(`${sent} requests, ${failures.length} failed`)
    assert.deepEqual(failures, [])
  })
})

suite('hand-over', () => {
  test('a new process takes the listening sockets, no connection is refused', async (t) => {
    const gateway = await startWithRoute(t, { HOLDFAST_DRAIN_TIMEOUT_MS: '5000' })
    const load = startLoad(gateway.url, 8)
    const { pid: oldPid } = await gateway.sync()
    t.after(async () => {
      // A successor that is left is not a child of ours.
      const left = await gateway.sync().catch(() => undefined)
      if (left !== undefined) endProcess(left.pid)
    })
    gateway.child.kill('SIGUSR2')
    assert.equal(await gateway.exited, 0)
    // Only now: for a moment both answer.
    const { pid: newPid } = await gateway.sync()
    assert.notEqual(newPid, oldPid)
    assert.equal((await fetch(gateway.url)).status, 200)
    const { sent, failures } = await load.stop()
    t.diagnostic(`${sent} requests during the hand-over, ${failures.length} failed`)
    assert.deepEqual(failures, [])
    process.kill(newPid, 'SIGTERM')
    await until(async () =>
      fetch(gateway.statusUrl).then(
        () => false,
        () => true,
      ),
    )
  })

  test('leaves the data directory to the new process', async (t) => {
    const gateway = await startWithRoute(t, { HOLDFAST_DRAIN_TIMEOUT_MS: '20000' })
    const stream = await openStream(gateway.url)
    gateway.child.kill('SIGUSR2')
    await gateway.waitForLog('gateway draining', 20_000)
    t.after(async () => endProcess((await gateway.sync()).pid))
    // Both wrote it meanwhile, the old one when it was still alone.
    const file = join(gateway.dataDir, 'health.json')
    await rm(file, { force: true })
    stream.destroy()
    assert.equal(await gateway.exited, 0)
    await assert.rejects(stat(file), { code: 'ENOENT' })
  })
})
