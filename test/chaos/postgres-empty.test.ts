import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { startTestPostgres } from '../helpers/postgres.ts'
import { query } from '../helpers/postgres-cluster.ts'
import { startControl, startGateway, temporaryFolder, until } from '../helpers/stack.ts'
import { startLoad } from '../helpers/steady-load.ts'
import { startNode } from '../helpers/upstream-node.ts'

async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  return Number(new RegExp(`^holdfast_${name} (.*)$`, 'm').exec(text)?.[1])
}

suite('empty database', () => {
  test('a wiped database takes nothing away until something is written there', async (t) => {
    const postgres = await startTestPostgres(t)
    const node = await startNode(t)
    const upstream = { type: 'roundrobin', nodes: { [node.address]: 1 } }
    const first = await startControl(t, postgres.url)
    const dataDir = await temporaryFolder(t)
    const options = { databaseUrl: postgres.url, dataDir }
    const gateway = await startGateway(t, options)
    await first.admin('PUT', '/routes/1', { uri: '/one', upstream })
    await until(async () => (await gateway.sync()).backup.revision === 1)
    await until(async () => (await fetch(`${gateway.url}/one`)).ok)
    const load = startLoad(`${gateway.url}/one`, 4)
    await first.stop()

    const system = new URL(postgres.url)
    system.pathname = '/postgres'
    await query(system.href, 'DROP DATABASE holdfast WITH (FORCE)')
    await query(system.href, 'CREATE DATABASE holdfast')
    const control = await startControl(t, postgres.url)
    const told = 'source is empty, what was served stays'
    await gateway.waitForLog(told)
    await until(async () => (await gateway.sync()).source.connected === false)
    const { source, revision } = await gateway.sync()
    assert.match(source.reason, /^the source is empty/)
    assert.equal(revision, 1)
    assert.equal(await metric(gateway.metricsUrl, 'config_source_empty'), 1)
    assert.equal((await fetch(`${gateway.statusUrl}/status/ready`)).status, 200)

    await gateway.stop().then((code) => assert.equal(code, 0))
    const { failures: before } = await load.stop()
    // The load sees the stop, but nothing before it.
    assert.deepEqual(
      before.filter(({ what }) => !/^ECONN/.test(what)),
      [],
    )
    const second = await startGateway(t, options)
    await second.waitForLog(told)
    assert.equal((await fetch(`${second.url}/one`)).status, 200)
    assert.equal((await second.sync()).source.tier, 'backup')

    assert.equal((await control.admin('PUT', '/routes/2', { uri: '/two', upstream })).status, 201)
    const writtenAt = performance.now()
    await until(async () => (await fetch(`${second.url}/two`)).ok)
    t.diagnostic(`taken over ${Math.round(performance.now() - writtenAt)} ms after the first write`)
    assert.equal((await fetch(`${second.url}/one`)).status, 404)
    await until(async () => (await second.sync()).source.connected)
    assert.equal(await metric(second.metricsUrl, 'config_source_empty'), 0)

    // The last object of a history that is known may go.
    assert.equal((await control.admin('DELETE', '/routes/2')).status, 200)
    await until(async () => (await fetch(`${second.url}/two`)).status === 404)
    assert.equal((await second.sync()).revision, 2)
    for (const { lines } of [gateway, second]) {
      assert.equal(lines.filter(({ msg }) => msg === told).length, 1)
    }
  })
})
