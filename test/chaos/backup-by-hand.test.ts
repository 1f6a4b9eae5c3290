import assert from 'node:assert/strict'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { pino } from 'pino'
import { ConfigState } from '../../src/model/config-state.ts'
import { createBackup } from '../../src/primary/backup/backup.ts'
import { ServingConfig } from '../../src/primary/serving-config.ts'
import { mountTinyDisk, remount } from '../helpers/disk.ts'
import { createTestDatabase } from '../helpers/postgres.ts'
import {
  type ControlPlane,
  type Gateway,
  startControl,
  startGateway,
  startStack,
  temporaryFolder,
  until,
} from '../helpers/stack.ts'
import { startLoad } from '../helpers/steady-load.ts'
import { startNode } from '../helpers/upstream-node.ts'

/** Nobody listens there. */
const NO_DATABASE = 'postgres://127.0.0.1:1/none'
const ON_DISK_WITHIN_MS = 1_000

async function put(control: ControlPlane, path: string, body: object): Promise<number> {
  const answer = await control.admin('PUT', path, body)
  assert.ok(answer.status < 300, JSON.stringify(answer.body))
  return Number(answer.headers.get('x-holdfast-revision'))
}

async function backedUp(gateway: Gateway, revision: number): Promise<void> {
  await until(async () => (await gateway.sync()).backup.revision === revision)
}

/** Generations in the data folder of a gateway, newest first. */
async function generations(dataDir: string): Promise<string[]> {
  const folder = join(dataDir, 'backup-default')
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json'))
  return names
    .sort()
    .map((name) => join(folder, name))
    .reverse()
}

/** A data folder with backups of revision 1 (`/one`) and 2 (`/two` too). */
async function leftBackups(t: TestContext) {
  const dataDir = await temporaryFolder(t)
  const node = await startNode(t)
  const upstream = { type: 'roundrobin', nodes: { [node.address]: 1 } }
  const routes = [
    { id: '1', uri: '/one', upstream },
    { id: '2', uri: '/two', upstream },
  ]
  for (const revision of [1, 2]) {
    const state = new ConfigState('default', { epoch: 'e', revision })
    for (const route of routes.slice(0, revision)) state.load('routes', route)
    const config = await ServingConfig.build(state)
    const options = { dataDir, group: 'default', generations: 5, log: pino({ level: 'silent' }) }
    const backup = createBackup({ ...options, current: () => config })
    backup.schedule()
    await backup.stop()
  }
  const [newest = ''] = await generations(dataDir)
  return { dataDir, newest, upstream }
}

async function statusOf(gateway: Gateway, path: string): Promise<number> {
  return (await fetch(gateway.url + path)).status
}

suite('the backup', () => {
  test('boots as an operator edited it, and says so', async (t) => {
    const { dataDir, newest, upstream } = await leftBackups(t)
    const value = JSON.parse(await readFile(newest, 'utf8'))
    value.routes[0].uri = '/by-hand'
    value.routes.push({ id: 'bad', uri: 7, upstream })
    await writeFile(newest, JSON.stringify(value, undefined, 2))
    const gateway = await startGateway(t, { databaseUrl: NO_DATABASE, dataDir })
    assert.equal(await statusOf(gateway, '/by-hand'), 200)
    assert.equal(await statusOf(gateway, '/two'), 200)
    const { source, quarantined } = await gateway.sync()
    assert.equal(source.tier, 'backup')
    assert.equal(source.edited, true)
    assert.ok(source.ageSeconds > 0)
    assert.deepEqual(
      quarantined.map(({ id }: { id: string }) => id),
      ['bad'],
    )
  })

  test('is skipped when it is torn; the one before it serves', async (t) => {
    const { dataDir, newest } = await leftBackups(t)
    const bytes = await readFile(newest)
    await writeFile(newest, bytes.subarray(0, bytes.length - 50))
    const gateway = await startGateway(t, { databaseUrl: NO_DATABASE, dataDir })
    assert.equal(await statusOf(gateway, '/one'), 200)
    assert.equal(await statusOf(gateway, '/two'), 404)
    const { revision, backup } = await gateway.sync()
    assert.equal(revision, 1)
    assert.match(backup.skipped[0].reason, /not valid JSON/)
    const line = await gateway.waitForLog('backup skipped')
    assert.equal(line['file'], newest)
  })

  test('gives way to --config-file', async (t) => {
    const { dataDir, upstream } = await leftBackups(t)
    const path = join(dataDir, 'emergency.json')
    await writeFile(path, JSON.stringify({ routes: [{ uri: '/emergency', upstream }] }))
    const args = ['--config-file', path]
    const gateway = await startGateway(t, { databaseUrl: NO_DATABASE, dataDir, args })
    assert.equal(await statusOf(gateway, '/emergency'), 200)
    assert.equal(await statusOf(gateway, '/one'), 404)
    const { source } = await gateway.sync()
    assert.deepEqual([source.tier, source.file, source.edited], ['backup', path, true])
    assert.equal(await gateway.stop(), 0)

    await writeFile(path, '{')
    const again = await startGateway(t, { databaseUrl: NO_DATABASE, dataDir, args })
    assert.equal(await statusOf(again, '/two'), 200, 'a file of no use is passed over')
  })

  test('keeps the last good version of a quarantined object over a restart', async (t) => {
    const { dataDir, newest } = await leftBackups(t)
    const value = JSON.parse(await readFile(newest, 'utf8'))
    const [good] = value.routes
    value.routes[0] = { ...good, uri: 7 }
    value._meta.quarantined = [{ kind: 'routes', id: good.id, reason: 'x', lastGood: good }]
    await writeFile(newest, JSON.stringify(value))
    const gateway = await startGateway(t, { databaseUrl: NO_DATABASE, dataDir })
    assert.equal(await statusOf(gateway, good.uri), 200)
    assert.equal((await gateway.sync()).quarantined[0].id, good.id)
  })

  test(`is on disk within ${ON_DISK_WITHIN_MS} ms`, async (t) => {
    const { control, gateway } = await startStack(t, { workers: 1 })
    const upstream = { type: 'roundrobin', nodes: { '127.0.0.1:1': 1 } }
    const delays: number[] = []
    for (let n = 0; n < 5; n++) {
      const revision = await put(control, `/routes/${n}`, { uri: `/${n}`, upstream })
      const answeredAt = performance.now()
      await backedUp(gateway, revision)
      delays.push(performance.now() - answeredAt)
    }
    t.diagnostic(`on disk after ${delays.map((ms) => ms.toFixed(0)).join(', ')} ms`)
    assert.ok(Math.max(...delays) <= ON_DISK_WITHIN_MS)
  })

  test('may find the disk full: traffic and changes go on, it resumes by itself', async (t) => {
    const started = await startOnTinyDisk(t)
    if (started === undefined) return t.skip('a tmpfs can not be mounted here')
    const { disk, control, gateway, upstream } = started

    const ballast = join(disk, 'ballast')
    await fill(ballast)
    const load = startLoad(`${gateway.url}/one`, 4)
    const revision = await put(control, '/routes/2', { uri: '/two', upstream })
    await until(async () => (await statusOf(gateway, '/two')) === 200)
    await assertFailing(gateway, /ENOSPC/)

    await rm(ballast)
    await backedUp(gateway, revision)
    assert.equal((await gateway.sync()).backup.error, null)
    const failures = gateway.lines.filter(({ msg }) => msg === 'backup could not be written')
    assert.equal(failures.length, 1, 'one line in ten seconds')
    const report = await load.stop()
    assert.deepEqual(report.failures, [])
  })

  test('may find the disk read-only: traffic, changes and a restart go on, it resumes', async (t) => {
    const started = await startOnTinyDisk(t)
    if (started === undefined) return t.skip('a tmpfs can not be mounted here')
    const { disk, databaseUrl, dataDir, control, gateway, upstream } = started

    remount(disk, 'ro')
    const load = startLoad(`${gateway.url}/one`, 4)
    await put(control, '/routes/2', { uri: '/two', upstream })
    await until(async () => (await statusOf(gateway, '/two')) === 200)
    await assertFailing(gateway, /EROFS/)
    assert.deepEqual((await load.stop()).failures, [])
    await gateway.stop()

    const next = await startGateway(t, { databaseUrl, dataDir })
    await until(async () => (await statusOf(next, '/two')) === 200)
    const revision = await put(control, '/routes/3', { uri: '/three', upstream })
    await until(async () => (await statusOf(next, '/three')) === 200)
    await assertFailing(next, /EROFS/)
    remount(disk, 'rw')
    await backedUp(next, revision)
    const metrics = await (await fetch(`${next.metricsUrl}/metrics`)).text()
    assert.match(metrics, /^holdfast_backup_failing 0$/m)
  })

  test('may find its folder gone: it makes another', async (t) => {
    const { control, gateway } = await startStack(t, { workers: 1 })
    const upstream = { type: 'roundrobin', nodes: { '127.0.0.1:1': 1 } }
    await backedUp(gateway, await put(control, '/routes/1', { uri: '/1', upstream }))
    await rm(join(gateway.dataDir, 'backup-default'), { recursive: true })
    await backedUp(gateway, await put(control, '/routes/2', { uri: '/2', upstream }))
    assert.equal((await generations(gateway.dataDir)).length, 1)
  })
})

/** A gateway whose data are on a disk of their own, with a backup of `/one`; undefined without the right to mount. */
async function startOnTinyDisk(t: TestContext) {
  const disk = await mountTinyDisk(t)
  if (disk === undefined) return undefined
  const { url: databaseUrl } = await createTestDatabase(t)
  const control = await startControl(t, databaseUrl)
  const dataDir = join(disk, 'data')
  const gateway = await startGateway(t, { databaseUrl, dataDir })
  const node = await startNode(t)
  const upstream = { type: 'roundrobin', nodes: { [node.address]: 1 } }
  await backedUp(gateway, await put(control, '/routes/1', { uri: '/one', upstream }))
  return { disk, databaseUrl, dataDir, control, gateway, upstream }
}

/** The status and the metric say that nothing can be written, and nothing else is wrong. */
async function assertFailing(gateway: Gateway, error: RegExp): Promise<void> {
  await until(async () => error.test((await gateway.sync()).backup.error ?? ''))
  const metrics = await (await fetch(`${gateway.metricsUrl}/metrics`)).text()
  assert.match(metrics, /^holdfast_backup_failing 1$/m)
  assert.equal((await fetch(`${gateway.statusUrl}/status/ready`)).status, 200)
}

async function fill(path: string): Promise<void> {
  const error = await writeFile(path, Buffer.alloc(2 * 1024 * 1024)).catch((caught) => caught)
  assert.equal(error?.code, 'ENOSPC')
}
