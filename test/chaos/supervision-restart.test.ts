import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { HANGS } from '../helpers/deadly-routes.ts'
import { endProcess } from '../helpers/process.ts'
import {
  allServe,
  isAlive,
  type ServingStack,
  startServing,
  workersOf,
} from '../helpers/serving-stack.ts'
import { type Gateway, startGateway, temporaryFolder, until } from '../helpers/stack.ts'

const DEADLY = fileURLToPath(new URL('../helpers/deadly-routes.ts', import.meta.url))
const WITH_DEADLY = { NODE_OPTIONS: `--import=${DEADLY}` }

/** Stops the gateway and starts another on its data directory. */
async function restart(
  t: TestContext,
  { gateway, databaseUrl }: ServingStack,
  env: Record<string, string> = WITH_DEADLY,
): Promise<Gateway> {
  await gateway.stop()
  return startGateway(t, { databaseUrl, dataDir: gateway.dataDir, env })
}

async function statusOf(gateway: Gateway, path: string): Promise<number> {
  return (await fetch(`${gateway.url}${path}`)).status
}

async function quarantineOf(gateway: Gateway): Promise<string[]> {
  const { quarantined } = await gateway.sync()
  return quarantined.map(({ kind, id }: { kind: string; id: string }) => `${kind}/${id}`)
}

/** Objects written in different seconds have different times of change. */
async function nextSecond(): Promise<void> {
  const second = Math.floor(Date.now() / 1000)
  await until(() => Math.floor(Date.now() / 1000) > second)
}

/** Writes route 2 and waits until the gateway's backup has it. */
async function putRoute({ gateway, putRoute: put }: ServingStack, fields: object): Promise<void> {
  const before = (await gateway.sync()).revision
  await put('2', fields)
  await until(async () => {
    const { revision, backup } = await gateway.sync()
    return revision > before && backup.revision === revision
  })
}

suite('a worker that hangs right after its start, and whose primary is killed', () => {
  test('is ended by the next primary on the data directory', async (t) => {
    const stack = await startServing(t)
    await stack.gateway.stop()
    await stack.putRoute('2', { uri: '/two', desc: 'hang' })
    const { databaseUrl } = stack
    const dataDir = await temporaryFolder(t)
    const env = { ...WITH_DEADLY, HOLDFAST_DRAIN_TIMEOUT_MS: '1000' }
    const gateway = await startGateway(t, { databaseUrl, dataDir, env, untilListening: false })
    await until(() => gateway.stderr().split(HANGS).length > 2)
    const pids = (await workersOf(gateway)).map(({ pid }) => pid)
    t.after(() => pids.forEach(endProcess))
    gateway.child.kill('SIGKILL')
    await gateway.exited
    await stack.putRoute('2', { uri: '/two' })
    const next = await startGateway(t, { databaseUrl, dataDir, env })
    await until(() => !pids.some(isAlive))
    const killed = next.lines.filter(({ msg }) => msg.endsWith('does not end, killing it'))
    assert.deepEqual(killed.map(({ pid }) => pid).sort(), pids.sort())
    assert.ok(await allServe(next))
  })
})

suite('a gateway started with a configuration that workers die of', () => {
  test('does not try again what it refused before, until it is changed', async (t) => {
    const stack = await startServing(t, WITH_DEADLY)
    await stack.putRoute('2', { uri: '/two', desc: 'good' })
    await stack.putRoute('2', { uri: '/elsewhere', desc: 'crash' })
    const line = await stack.gateway.waitForLog('revision refused, taken back')

    const gateway = await restart(t, stack)
    const sync = await gateway.sync()
    const [refused] = sync.refusedRevisions
    assert.deepEqual([refused.revision], line['revisions'])
    assert.match(sync.degraded, /is refused: workers died of it/)
    assert.equal(sync.workerRestarts, 0)
    assert.deepEqual(await quarantineOf(gateway), ['routes/2'])
    assert.equal(await statusOf(gateway, '/two'), 200)

    await stack.putRoute('2', { uri: '/two', desc: 'good again' })
    await until(async () => (await gateway.sync()).degraded === null)
    assert.equal((await gateway.sync()).workerRestarts, 0)
  })

  test('goes back to an older backup', async (t) => {
    const stack = await startServing(t)
    await putRoute(stack, { uri: '/two', desc: 'good' })
    // Nothing dies of it yet, so that it is in the newest backup.
    await putRoute(stack, { uri: '/elsewhere', desc: 'crash' })

    const gateway = await restart(t, stack)
    await until(() => allServe(gateway))
    assert.ok(gateway.lines.some(({ msg }) => msg === 'going back to a backup'))
    assert.deepEqual(await quarantineOf(gateway), ['routes/2'])
    assert.equal((await gateway.sync()).refusedRevisions.length, 1)
    const { desc } = (await stack.control.admin('GET', '/routes/2')).body.value
    assert.equal(desc, 'crash')
  })

  test('leaves out what was changed last when there is no backup; else waits for a change', async (t) => {
    const stack = await startServing(t)
    await nextSecond()
    await stack.putRoute('2', { uri: '/two', desc: 'crash' })
    const start = async (untilListening: boolean) => {
      const { databaseUrl } = stack
      const dataDir = await temporaryFolder(t)
      return startGateway(t, { databaseUrl, dataDir, env: WITH_DEADLY, untilListening })
    }
    const first = await start(true)
    assert.deepEqual(await quarantineOf(first), ['routes/2'])
    assert.equal(await statusOf(first, '/'), 200)

    await nextSecond()
    await stack.putRoute('1', { uri: '/*', desc: 'crash' })
    const second = await start(false)
    await second.waitForLog(
      'workers die of the configuration, and there is no other to go back to',
      30_000,
    )
    assert.match((await second.sync()).degraded, /nothing else to go back to/)
    await stack.putRoute('1', { uri: '/*' })
    await stack.putRoute('2', { uri: '/two' })
    // The next attempt may be due only after half a minute.
    await until(async () => (await second.sync()).degraded === null, 45_000)
  })
})
