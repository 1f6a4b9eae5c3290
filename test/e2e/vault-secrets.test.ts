import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { createTestDatabase } from '../helpers/postgres.ts'
import { isAlive } from '../helpers/serving-stack.ts'
import {
  listenerUrl,
  startControl,
  startGateway,
  temporaryFolder,
  until,
} from '../helpers/stack.ts'
import { startNode } from '../helpers/upstream-node.ts'
import { startVault } from '../helpers/vault-server.ts'

const HOUSE_PLUGINS = join(import.meta.dirname, '../helpers/house-plugins.js')
const ENV = {
  HOLDFAST_PLUGINS: HOUSE_PLUGINS,
  HOLDFAST_SECRET_TTL_MS: '1000',
  VAULT_TOKEN: 'the-token',
}
const FIRST = 'first-badge-of-jack'
const SECOND = 'second-badge-of-jack'

interface Fields {
  [name: string]: string
}

async function startAll(t: TestContext) {
  const vault = await startVault(t)
  vault.token = ENV.VAULT_TOKEN
  vault.namespace = 'team'
  const keep = (fields: Fields) => vault.secrets.set('kv/staff/jack', fields)
  keep({ badge: FIRST, tag: 'V' })
  const { url: databaseUrl } = await createTestDatabase(t)
  const control = await startControl(t, databaseUrl, { HOLDFAST_PLUGINS: HOUSE_PLUGINS })
  const gateway = await startGateway(t, { databaseUrl, env: ENV, untilListening: false })
  const node = await startNode(t)
  const upstream = { type: 'roundrobin', nodes: { [node.address]: 1 } }
  const manager = { uri: vault.uri, prefix: 'kv', namespace: 'team', token: '$env://VAULT_TOKEN' }
  const put = async (path: string, body: object) => {
    const { status } = await control.admin('PUT', path, body)
    assert.ok(status < 300, `${path}: ${status}`)
  }
  await put('/secrets/vault/1', manager)
  await put('/routes/door', { uri: '/door', upstream, plugins: { badge: {} } })
  await put('/routes/tagged', {
    uri: '/tagged',
    upstream,
    plugins: { trace: { tag: '$secret://vault/1/staff/jack/tag' } },
  })
  await put('/consumers/jack', {
    username: 'jack',
    plugins: { badge: { id: '$secret://vault/1/staff/jack/badge' } },
  })
  const url = listenerUrl(await gateway.waitForLog('gateway listening'))
  return { databaseUrl, control, gateway, url, vault, keep, put, manager }
}

/** What the badge is worth: over ten new connections, so that each worker is asked. */
async function answersTo(url: string, badge: string): Promise<Set<number>> {
  const headers = { 'x-badge': badge, connection: 'close' }
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => fetch(`${url}/door`, { headers })),
  )
  return new Set(answers.map(({ status }) => status))
}

async function gets(url: string, badge: string, status: number): Promise<boolean> {
  const answers = await answersTo(url, badge)
  return answers.size === 1 && answers.has(status)
}

async function filesIn(folder: string): Promise<string> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = names.filter((name) => name.isFile())
  const texts = files.map(({ parentPath, name }) => readFile(join(parentPath, name), 'latin1'))
  return (await Promise.all(texts)).join('\n')
}

suite('secrets of Vault', () => {
  test('are fetched, rotated, kept while Vault is away, and never written down', async (t) => {
    const { gateway, control, url, vault, keep, put, manager, databaseUrl } = await startAll(t)

    // Fetched: both workers know the consumer, and a plugin its configuration.
    await until(() => gets(url, FIRST, 200))
    assert.ok(await gets(url, '$secret://vault/1/staff/jack/badge', 401))
    const tagged = await fetch(`${url}/tagged`)
    assert.match(tagged.headers.get('x-trace') ?? '', /^V:rewrite/)
    const before = await gateway.sync()
    assert.deepEqual(before.quarantined, [])

    // Rotated, without a new revision.
    keep({ badge: SECOND, tag: 'W' })
    await until(() => gets(url, SECOND, 200))
    assert.ok(await gets(url, FIRST, 401))
    const after = await gateway.sync()
    assert.equal(after.revision, before.revision)
    assert.ok(after.workers.every(({ inSync }: { inSync: boolean }) => inSync))

    // Away: what is known serves on, and new workers know it too.
    await vault.stop()
    await until(async () => (await gateway.sync()).secrets.managers[0].reason !== null)
    for (const { pid } of after.workers) {
      process.kill(pid, 'SIGKILL')
      await until(() => !isAlive(pid))
    }
    await until(async () => {
      const { workers } = await gateway.sync()
      return workers.length === 2 && workers.every(({ serving }: { serving: boolean }) => serving)
    })
    assert.ok(await gets(url, SECOND, 200))
    assert.equal((await gateway.sync()).quarantined.length, 0)
    const metrics = await (await fetch(`${gateway.metricsUrl}/metrics`)).text()
    assert.match(metrics, /^holdfast_secret_failures_total\{manager="vault\/1"\} [1-9]/m)
    assert.match(metrics, /^holdfast_secrets\{state="waiting"\} 0$/m)

    // What is new waits for its first value, says why, and comes alive by itself.
    await put('/consumers/jill', {
      username: 'jill',
      plugins: { badge: { id: '$secret://vault/1/jill/badge' } },
    })
    await until(async () => {
      const { quarantined } = await gateway.sync()
      return /can't be read, manager vault\/1 .*ECONNREFUSED/.test(quarantined[0]?.reason)
    })
    assert.ok(await gets(url, 'badge-of-jill', 401))
    vault.secrets.set('kv/jill', { badge: 'badge-of-jill' })
    await vault.start()
    await until(() => gets(url, 'badge-of-jill', 200))
    assert.deepEqual((await gateway.sync()).quarantined, [])

    // A daemon that starts with a wrong token serves all else, and recovers when it is mended.
    await put('/secrets/vault/1', { ...manager, token: 'wrong-token' })
    const dataDir = await temporaryFolder(t)
    const env = { ...ENV, HOLDFAST_KEYRING: `k:${Buffer.alloc(32, 7).toString('base64')}` }
    const other = await startGateway(t, { databaseUrl, env, dataDir })
    assert.ok(await gets(other.url, SECOND, 401))
    assert.equal((await fetch(`${other.url}/tagged`)).status, 404)
    const { quarantined } = await other.sync()
    assert.equal(quarantined.length, 3)
    assert.match(quarantined[0].reason, /manager vault\/1 answers 403: the token/)
    assert.ok(await gets(url, SECOND, 200), 'the one that knows the values keeps them')
    await put('/secrets/vault/1', manager)
    await until(() => gets(other.url, SECOND, 200))
    await until(async () => (await other.sync()).quarantined.length === 0)

    // With a keyring it knows them over its restart too.
    await vault.stop()
    other.child.kill('SIGTERM')
    await other.exited
    const again = await startGateway(t, { databaseUrl, env, dataDir })
    assert.ok(await gets(again.url, SECOND, 200))
    assert.deepEqual((await again.sync()).quarantined, [])

    for (const text of [
      await filesIn(gateway.dataDir),
      await filesIn(dataDir),
      JSON.stringify([gateway, other, again, control].map(({ lines }) => lines)),
    ]) {
      for (const secret of [FIRST, SECOND, 'badge-of-jill', ENV.VAULT_TOKEN]) {
        assert.ok(!text.includes(secret), `${secret} was written down`)
      }
    }
  })
})
