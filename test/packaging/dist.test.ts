import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { copyFile, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { suite, type TestContext, test } from 'node:test'
import { createTestDatabase } from '../helpers/postgres.ts'
import { startControl, temporaryFolder } from '../helpers/stack.ts'

const ROOT = join(import.meta.dirname, '../..')
const { version, devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))

/** `npm run build` into a folder of its own, which it returns, laid out like an installed Holdfast. */
async function build(t: TestContext): Promise<string> {
  const folder = await temporaryFolder(t)
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  execFileSync(process.execPath, [tsc, '-p', ROOT, '--outDir', join(folder, 'dist')])
  await copyFile(join(ROOT, 'package.json'), join(folder, 'package.json'))
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  return folder
}

suite('the built program', () => {
  test('answers, serves with its workers and stops in order', async (t) => {
    const folder = await build(t)
    const main = join(folder, 'dist/main.js')
    // Of its own: the one in node_modules is linked, and would keep what nobody runs again.
    const base = { PATH: process.env['PATH'], NODE_COMPILE_CACHE: join(folder, 'cache') }
    const ask = (...args: string[]) =>
      spawnSync(process.execPath, [main, ...args], { encoding: 'utf8', env: base })
    assert.equal(ask('--version').stdout, `holdfast ${version}\n`)
    for (const verb of ['gateway', 'control', 'quickstart', 'status']) {
      assert.match(ask(verb, '--help').stdout, /^Usage: holdfast/)
    }

    const { url: databaseUrl } = await createTestDatabase(t)
    const control = await startControl(t, databaseUrl)
    await control.admin('PUT', '/routes/1', { uri: '/', upstream: { nodes: { '127.0.0.1:1': 1 } } })
    const gateway = spawn(process.execPath, [main, 'gateway'], {
      env: {
        ...base,
        HOLDFAST_DATABASE_URL: databaseUrl,
        HOLDFAST_DATA_DIR: await temporaryFolder(t),
        HOLDFAST_WORKERS: '1',
        HOLDFAST_HTTP_LISTEN: '127.0.0.1:0',
        HOLDFAST_STATUS_LISTEN: '127.0.0.1:0',
        HOLDFAST_METRICS_LISTEN: '127.0.0.1:0',
        HOLDFAST_CONTROL_API_LISTEN: '127.0.0.1:0',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    t.after(() => gateway.kill('SIGKILL'))
    for await (const line of createInterface({ input: gateway.stdout })) {
      const { msg, listeners } = JSON.parse(line)
      if (msg !== 'gateway listening') continue
      // No node listens there: that the answer is 502 says that a worker has the route.
      assert.equal((await fetch(`http://127.0.0.1:${listeners[0].port}/`)).status, 502)
      break
    }
    gateway.stdout.resume()
    gateway.kill('SIGTERM')
    assert.deepEqual(await once(gateway, 'exit'), [0, null])
  })
})

suite('the Dockerfile', () => {
  const text = readFileSync(join(ROOT, 'Dockerfile'), 'utf8')
  const instructions = text.replaceAll('\\\n', ' ').split('\n')
  const ofKind = (kind: string) => instructions.filter((line) => line.startsWith(`${kind} `))

  test('has the Node that Holdfast is tested with', () => {
    assert.deepEqual(ofKind('ARG'), [`ARG NODE_VERSION=${devDependencies.node}`])
  })

  test('runs as nobody in particular, and gets signals', () => {
    assert.deepEqual(ofKind('USER'), ['USER 10001:10001'])
    for (const line of [...ofKind('ENTRYPOINT'), ...ofKind('CMD')]) assert.match(line, / \[".*"\]$/)
  })
})
