import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { startTestPostgres } from '../helpers/postgres.ts'
import { startControl, startGateway, temporaryFolder, until } from '../helpers/stack.ts'
import { startLoad } from '../helpers/steady-load.ts'
import { startNode } from '../helpers/upstream-node.ts'

suite('PostgreSQL away', () => {
  test('traffic, restarts and worker deaths go on; the next change arrives', async (t) => {
    const postgres = await startTestPostgres(t)
    const control = await startControl(t, postgres.url)
    const dataDir = await temporaryFolder(t)
    const gateway = await startGateway(t, { databaseUrl: postgres.url, dataDir })
    const node = await startNode(t)
    const upstream = { type: 'roundrobin', nodes: { [node.address]: 1 } }
    await control.admin('PUT', '/routes/1', { uri: '/one', upstream })
    await until(async () => (await fetch(`${gateway.url}/one`)).ok)
    await until(async () => (await gateway.sync()).backup.revision === 1)

    const load = startLoad(`${gateway.url}/one`)
    await postgres.stop()
    await until(async () => !(await gateway.sync()).source.connected)
    assert.equal((await fetch(`${gateway.statusUrl}/status/ready`)).status, 200)

    const startedAt = performance.now()
    const refused = await control.admin('PUT', '/routes/2', { uri: '/two', upstream })
    assert.equal(refused.status, 503)
    assert.ok(performance.now() - startedAt < 3_000)
    const stale = await control.admin('GET', '/routes/1')
    assert.equal(stale.status, 200)
    assert.equal(stale.headers.get('x-config-stale'), 'true')

    const second = await startGateway(t, { databaseUrl: postgres.url, dataDir })
    assert.equal((await fetch(`${second.url}/one`)).status, 200)
    assert.equal((await second.sync()).source.tier, 'backup')

    await postgres.start()
    await until(async () => {
      const answer = await control.admin('PUT', '/routes/2', { uri: '/two', upstream })
      return answer.status === 201 || answer.status === 200
    }, 15_000)
    for (const { url } of [gateway, second]) {
      await until(async () => (await fetch(`${url}/two`)).ok)
    }
    const { sent, failures } = await load.stop()
    t.diagnostic(`${sent} requests while PostgreSQL was away and back, ${failures.length} failed`)
    assert.deepEqual(failures, [])
  })

  test('a gateway without any configuration is live, not ready and not listening', async (t) => {
    const postgres = await startTestPostgres(t)
    await postgres.stop()
    const gateway = await startGateway(t, { databaseUrl: postgres.url, untilListening: false })
    assert.equal((await fetch(`${gateway.statusUrl}/status`)).status, 200)
    const ready = await fetch(`${gateway.statusUrl}/status/ready`)
    assert.equal(ready.status, 503)
    assert.deepEqual((await gateway.sync()).listeners, [])

    await postgres.start()
    await startControl(t, postgres.url)
    await gateway.waitForLog('gateway listening')
    await until(async () => (await fetch(`${gateway.statusUrl}/status/ready`)).ok)
  })
})
