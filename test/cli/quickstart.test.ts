import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { copyUnused } from '../helpers/postgres-server.ts'
import { type HoldfastProcess, startHoldfast } from '../helpers/process.ts'

const DEADLINE_MS = 60_000
const POLL_MS = 25

/** What quickstart printed: where things are, and the pieces of the two curls. */
interface Printed {
  text: string
  adminKey: string
  createUrl: string
  createBody: string
  callUrl: string
  statusUrl: string
}

function makeDataDir(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-quickstart-'))
  // PostgreSQL, which refuses root, has a user of its own that must get there.
  chmodSync(folder, 0o755)
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'data')
}

/** One with a database that is empty: to make that takes most of a first start. */
async function usedDataDir(t: TestContext): Promise<string> {
  const dataDir = makeDataDir(t)
  mkdirSync(dataDir, { mode: 0o755 })
  await copyUnused(join(dataDir, 'postgres'))
  return dataDir
}

function quickstart(t: TestContext, dataDir: string, env: Record<string, string> = {}) {
  return startHoldfast(t, ['quickstart'], {
    HOLDFAST_ENV_FILE: '/dev/null',
    HOLDFAST_DATA_DIR: dataDir,
    HOLDFAST_WORKERS: '1',
    HOLDFAST_HTTP_LISTEN: '127.0.0.1:0',
    HOLDFAST_ADMIN_LISTEN: '127.0.0.1:0',
    HOLDFAST_STATUS_LISTEN: '127.0.0.1:0',
    HOLDFAST_METRICS_LISTEN: '127.0.0.1:0',
    HOLDFAST_CONTROL_API_LISTEN: '127.0.0.1:0',
    ...env,
  })
}

async function waitReady(holdfast: HoldfastProcess): Promise<Printed> {
  await holdfast.waitForLog(({ msg }) => msg.startsWith('Ctrl-C'), DEADLINE_MS)
  const text = holdfast.lines.map(({ msg }) => msg).join('\n')
  const find = (pattern: RegExp) => pattern.exec(text)?.[1] ?? assert.fail(`${pattern} in ${text}`)
  return {
    text,
    adminKey: find(/Admin key +(\S+)/),
    createUrl: find(/curl -X PUT (\S+)/),
    createBody: find(/-d '(.+)'/),
    callUrl: find(/curl (http\S+)/),
    statusUrl: find(/Status +(\S+)/),
  }
}

async function createPrintedRoute({ createUrl, createBody, adminKey }: Printed): Promise<number> {
  const headers = { 'X-API-KEY': adminKey, 'Content-Type': 'application/json' }
  const { status } = await fetch(createUrl, { method: 'PUT', headers, body: createBody })
  return status
}

/** Repeats a question until the answer is true; fails at the deadline. */
async function until(what: string, ask: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS
  while (!(await ask())) {
    assert.ok(performance.now() < deadline, `not within ${DEADLINE_MS} ms: ${what}`)
    await delay(POLL_MS)
  }
}

async function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    async (response) => (await response.text()) !== '' && response.status === 200,
    () => false,
  )
}

/** Ids of the processes of one quickstart: those that know its data directory. */
function processesOf(dataDir: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      if (!(pid > 0) || pid === process.pid) return false
      try {
        const told = ['cmdline', 'environ'].map((name) =>
          readFileSync(`/proc/${pid}/${name}`, 'utf8'),
        )
        return told.some((text) => text.includes(dataDir))
      } catch {
        return false
      }
    })
}

function childrenOf(pid: number | undefined, verb: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((child) => {
      try {
        const ppid = /\) \S (\d+)/.exec(readFileSync(`/proc/${child}/stat`, 'utf8'))?.[1]
        const words = readFileSync(`/proc/${child}/cmdline`, 'utf8').split('\0')
        return Number(ppid) === pid && words.includes(verb)
      } catch {
        return false
      }
    })
}

suite('quickstart', { skip: existsSync('/proc/self/stat') ? false : 'needs /proc' }, () => {
  test('serves the printed route, also after a restart, and leaves nothing behind', async (t) => {
    const dataDir = makeDataDir(t)
    const first = quickstart(t, dataDir)
    const printed = await waitReady(first)
    assert.equal(first.stderr(), '', 'the screen of a newcomer stays clean')
    assert.match(printed.adminKey, /^[0-9a-f]{64}$/)
    assert.equal(statSync(join(dataDir, 'admin-key')).mode & 0o777, 0o600)

    assert.equal(await createPrintedRoute(printed), 201)
    await until('the route is served', () => answers(printed.callUrl))
    const reply = await fetch(printed.callUrl)
    const { hello, path } = (await reply.json()) as { hello: string; path: string }
    assert.deepEqual([hello, path], ['from the demo node', '/hello'])

    assert.equal(await first.stop(), 0)
    assert.deepEqual(processesOf(dataDir), [])

    const second = quickstart(t, dataDir)
    const again = await waitReady(second)
    assert.equal(again.adminKey, printed.adminKey)
    await until('the route is served again', () => answers(again.callUrl))
    assert.equal(await createPrintedRoute(again), 200, 'it was there')
    assert.equal(await second.stop(), 0)
    assert.deepEqual(processesOf(dataDir), [])
  })

  test('one that runs', async (t) => {
    const dataDir = await usedDataDir(t)
    const holdfast = quickstart(t, dataDir, { HOLDFAST_ADMIN_KEY: 'a-key-of-mine' })
    const printed = await waitReady(holdfast)

    await t.test('uses the admin key that it is given', async () => {
      assert.equal(printed.adminKey, 'a-key-of-mine')
      assert.equal(await createPrintedRoute(printed), 201)
      await until('the route is served', () => answers(printed.callUrl))
    })

    await t.test('restarts what dies, and the gateway serves on without the rest', async () => {
      const { pid } = holdfast.child
      const [control = 0] = childrenOf(pid, 'control')
      const [gateway = 0] = childrenOf(pid, 'gateway')
      const [postgres = 0] = childrenOf(pid, '-D')
      process.kill(postgres, 'SIGKILL')
      process.kill(control, 'SIGKILL')
      let failures = 0
      await until('PostgreSQL and the control plane are back', async () => {
        if (!(await answers(printed.callUrl))) failures += 1
        const back = childrenOf(pid, 'control').length + childrenOf(pid, '-D').length === 2
        return back && (await createPrintedRoute(printed).catch(() => 0)) === 200
      })
      assert.equal(failures, 0)

      process.kill(gateway, 'SIGKILL')
      await until('the gateway is back', async () => {
        const [now = gateway] = childrenOf(pid, 'gateway')
        return now !== gateway && (await answers(printed.callUrl))
      })
      assert.match(
        holdfast.stderr(),
        /quickstart: warn: process ended, restarting it \(verb=gateway/,
      )
      assert.equal(await holdfast.stop(), 0)
      assert.deepEqual(processesOf(dataDir), [])
    })
  })

  test('one that starts', async (t) => {
    const dataDir = await usedDataDir(t)
    const first = quickstart(t, dataDir)
    await first.waitForLog(({ msg }) => msg.startsWith('Starting'), DEADLINE_MS)

    await t.test('refuses a data directory that is in use, naming the process', async () => {
      const second = quickstart(t, dataDir)
      assert.equal(await second.exited, 69)
      assert.match(
        second.stderr(),
        new RegExp(`^holdfast: ${dataDir} is in use by process ${first.child.pid};.*\\n$`),
      )
    })

    await t.test('takes all with it when it is killed', async () => {
      await waitReady(first)
      first.child.kill('SIGKILL')
      await first.exited
      await until('nothing is left', () => processesOf(dataDir).length === 0)
    })
  })

  test('refuses a port that is in use before anything is started', async (t) => {
    const other = createServer().listen({ host: '127.0.0.1', port: 0 })
    t.after(() => other.close())
    await once(other, 'listening')
    const address = `127.0.0.1:${(other.address() as AddressInfo).port}`
    const dataDir = makeDataDir(t)
    const refused = quickstart(t, dataDir, { HOLDFAST_ADMIN_LISTEN: address })
    assert.equal(await refused.exited, 69)
    assert.equal(
      refused.stderr(),
      `holdfast: ${address} (HOLDFAST_ADMIN_LISTEN) is in use by another program; stop it, or choose another port\n`,
    )
    assert.ok(!existsSync(join(dataDir, 'postgres')))
  })
})
