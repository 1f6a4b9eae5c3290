import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { availableParallelism, loadavg } from 'node:os'
import { suite, type TestContext, test } from 'node:test'
import { exportSnapshot } from '../../src/fallback/export-snapshot.ts'
import { ConfigState } from '../../src/model/config-state.ts'
import { startTestPostgres } from '../helpers/postgres.ts'
import { RESOURCE_BUCKET, startS3, type TestS3 } from '../helpers/s3.ts'
import { type Gateway, startControl, startGateway, until } from '../helpers/stack.ts'
import { startNode } from '../helpers/upstream-node.ts'

/** The bound: process start to ready, fresh disk, S3 only. */
const READY_MS = 3_000
/** The figure is of the program: the best boot counts, and what else runs on the machine is allowed for. */
const MAX_BOOTS = 3
const CLOSED_PORT = 1

/** READY_MS on a machine that has a core to spare. */
function readyBoundMs(): number {
  const [load = 0] = loadavg()
  return READY_MS * Math.max(1, load / availableParallelism())
}

/** Exports `routes` routes, `/0` and on, as a control plane would. */
async function exportRoutes(s3: TestS3, node: string, routes: number, revision = 1) {
  const state = new ConfigState('default', { epoch: 'e1', revision })
  state.load('upstreams', { id: 'u', type: 'roundrobin', nodes: { [node]: 1 } })
  for (let n = 0; n < routes; n++) {
    state.load('routes', { id: `r${n}`, uri: `/${n}`, upstream_id: 'u' })
  }
  const head = await exportSnapshot({
    ...{ store: s3.store, bucket: RESOURCE_BUCKET, group: 'default' },
    leadership: { isHeld: true, timeline: 1 },
    loadSnapshot: async () => state.toSnapshot(new Date()),
  })
  return head
}

/** Starts a gateway on a fresh disk; milliseconds from process start to ready. */
async function boot(t: TestContext, s3: TestS3, databaseUrl: string, env = {}) {
  const startedAt = performance.now()
  const gateway = await startGateway(t, { databaseUrl, env: { ...s3.env, ...env } })
  return { gateway, readyMs: Math.round(performance.now() - startedAt) }
}

async function get(gateway: Gateway, path: string): Promise<number> {
  const response = await fetch(`${gateway.url}${path}`)
  await response.arrayBuffer()
  return response.status
}

/** A PostgreSQL that takes connections and never says a word. */
async function startMute(t: TestContext): Promise<number> {
  const server = createServer(() => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  return (server.address() as { port: number }).port
}

suite('S3 fallback', () => {
  const databases = [
    { name: 'PostgreSQL refuses connections', port: async () => CLOSED_PORT },
    { name: 'PostgreSQL never answers', port: startMute },
  ]
  for (const { name, port } of databases) {
    test(`fresh disk, ${name}: ready from S3 within 3 s`, async (t) => {
      const s3 = await startS3(t)
      const node = await startNode(t)
      await exportRoutes(s3, node.address, 1_000)
      const url = `postgres://u:p@127.0.0.1:${await port(t)}/db`
      let bestMs = Number.POSITIVE_INFINITY
      for (let i = 0; i < MAX_BOOTS && bestMs > readyBoundMs(); i++) {
        const { gateway, readyMs } = await boot(t, s3, url)
        t.diagnostic(`ready after ${readyMs} ms`)
        assert.equal((await gateway.sync()).source.tier, 's3')
        assert.equal(await get(gateway, '/999'), 200)
        assert.equal(await get(gateway, '/1000'), 404)
        gateway.child.kill('SIGKILL')
        bestMs = Math.min(bestMs, readyMs)
      }
      assert.ok(bestMs <= readyBoundMs(), `ready after ${bestMs} ms`)
    })
  }
})

suite('S3 fallback, the ways in and out', { concurrency: true }, () => {
  test('nothing usable in S3: alive, not listening, ready once there is', async (t) => {
    const s3 = await startS3(t)
    const node = await startNode(t)
    const { key } = await exportRoutes(s3, node.address, 1)
    const object = { bucket: RESOURCE_BUCKET, key }
    await s3.store.put(object, 'not what was exported', { contentType: 'text/plain' })
    const databaseUrl = `postgres://u:p@127.0.0.1:${CLOSED_PORT}/db`
    const gateway = await startGateway(t, { databaseUrl, env: s3.env, untilListening: false })
    const { reason } = await gateway.waitForLog('fallback in S3 not used')
    assert.match(String(reason), /json\.gz/)
    assert.equal((await fetch(`${gateway.statusUrl}/status`)).status, 200)
    assert.equal((await fetch(`${gateway.statusUrl}/status/ready`)).status, 503)
    assert.ok(!gateway.lines.some(({ msg }) => msg === 'gateway listening'))
    await exportRoutes(s3, node.address, 1, 2)
    await gateway.waitForLog('gateway listening')
    await until(async () => (await fetch(`${gateway.statusUrl}/status/ready`)).ok)
  })

  test('from the write over the export to a gateway without PostgreSQL, and back', async (t) => {
    const s3 = await startS3(t)
    const node = await startNode(t)
    const postgres = await startTestPostgres(t)
    const control = await startControl(t, postgres.url, s3.env)
    const route = (uri: string) => ({ uri, upstream: { nodes: { [node.address]: 1 } } })
    assert.equal((await control.admin('PUT', '/routes/a', route('/a'))).status, 201)
    const head = () => s3.readJson(RESOURCE_BUCKET, 'default/HEAD.json')
    await until(async () => (await head())?.['revision'] === 1)
    await postgres.stop()

    const { gateway, readyMs } = await boot(t, s3, postgres.url)
    t.diagnostic(`ready after ${readyMs} ms`)
    assert.equal(await get(gateway, '/a'), 200)
    assert.equal((await gateway.sync()).source.tier, 's3')

    await postgres.start()
    await until(async () => (await gateway.sync()).source.tier === 'postgres')
    await until(
      async () => (await control.admin('PUT', '/routes/b', route('/b'))).status === 201,
      20_000,
    )
    await until(async () => (await get(gateway, '/b')) === 200)
    await until(async () => (await head())?.['revision'] === 2)
  })

  test('the provider s3 follows what is exported', async (t) => {
    const s3 = await startS3(t)
    const node = await startNode(t)
    await exportRoutes(s3, node.address, 1)
    const { gateway } = await boot(t, s3, '', { HOLDFAST_CONFIG_PROVIDER: 's3' })
    assert.equal(await get(gateway, '/1'), 404)
    await exportRoutes(s3, node.address, 2, 2)
    await until(async () => (await get(gateway, '/1')) === 200)
  })
})
