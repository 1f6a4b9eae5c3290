import assert from 'node:assert/strict'
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { type Gateway, startGateway, temporaryFolder, until } from '../helpers/stack.ts'
import { startNode, type UpstreamNode } from '../helpers/upstream-node.ts'

async function startOnFile(t: TestContext, path: string, untilListening = true): Promise<Gateway> {
  const env = { HOLDFAST_CONFIG_PROVIDER: 'file', HOLDFAST_CONFIG_FILE: path }
  return startGateway(t, { databaseUrl: '', workers: 1, env, untilListening })
}

function json(node: UpstreamNode, ...paths: string[]): string {
  const upstream = { type: 'roundrobin', nodes: { [node.address]: 1 } }
  return JSON.stringify({ routes: paths.map((uri) => ({ uri, upstream })) })
}

function yaml(node: UpstreamNode, paths: string[], end = '#END'): string {
  const routes = paths.map((path) => `  - uri: ${path}\n    upstream_id: u\n`)
  const upstreams = `upstreams:\n  - id: u\n    type: roundrobin\n    nodes: {"${node.address}": 1}\n`
  return `routes:\n${routes.join('')}${upstreams}${end}\n`
}

async function statusOf(gateway: Gateway, path: string): Promise<number> {
  return (await fetch(gateway.url + path)).status
}

async function serves(gateway: Gateway, path: string, status = 200): Promise<void> {
  await until(async () => (await statusOf(gateway, path)) === status)
}

async function connected(gateway: Gateway, wanted: boolean): Promise<void> {
  await until(async () => (await gateway.sync()).source.connected === wanted)
}

suite('the provider file', () => {
  test('follows APISIX standalone YAML, and no broken or unfinished version of it', async (t) => {
    const node = await startNode(t)
    const path = join(await temporaryFolder(t), 'apisix.yaml')
    await writeFile(path, yaml(node, ['/one']))
    const gateway = await startOnFile(t, path)
    await serves(gateway, '/one')
    assert.equal((await gateway.sync()).source.tier, 'file')

    await writeFile(path, yaml(node, ['/one', '/two'], ''))
    await connected(gateway, false)
    assert.match((await gateway.sync()).source.reason, /#END/)
    assert.equal(await statusOf(gateway, '/two'), 404)
    assert.equal(await statusOf(gateway, '/one'), 200)

    await writeFile(path, yaml(node, ['/one', '/two']))
    await serves(gateway, '/two')
    await writeFile(path, 'routes: [\n#END\n')
    await connected(gateway, false)
    assert.equal(await statusOf(gateway, '/two'), 200)
    assert.equal((await fetch(`${gateway.statusUrl}/status/ready`)).status, 200)

    await writeFile(path, yaml(node, ['/two']))
    await connected(gateway, true)
    await serves(gateway, '/one', 404)
  })

  test('sends only what changed, and quarantines a bad object alone', async (t) => {
    const node = await startNode(t)
    const path = join(await temporaryFolder(t), 'config.json')
    await writeFile(path, json(node, '/a', '/b'))
    const gateway = await startOnFile(t, path)
    await serves(gateway, '/b')

    await writeFile(`${path}.new`, json(node, '/a', '/b', '/c'))
    await rename(`${path}.new`, path)
    await serves(gateway, '/c')
    const delta = await gateway.waitForLog('delta applied')
    assert.equal(delta['changes'], 1)

    const bad = JSON.parse(json(node, '/a', '/b', '/c', '/d'))
    bad.routes[1].uri = 7
    await writeFile(path, JSON.stringify(bad))
    await serves(gateway, '/d')
    assert.equal(await statusOf(gateway, '/b'), 200, 'its last good version serves')
    const { quarantined, revision } = await gateway.sync()
    assert.equal(quarantined[0].id, 'arr_2')

    await writeFile(path, JSON.stringify(bad, undefined, 1))
    await gateway.waitForLog('object quarantined, last good version serves if there is one')
    assert.equal((await gateway.sync()).revision, revision, 'another layout is no change')
  })

  test('says loudly that a global rule does not run, and serves without it', async (t) => {
    const node = await startNode(t)
    const path = join(await temporaryFolder(t), 'config.json')
    const rules = [
      // One that the primary refuses, and one that only a worker can.
      { id: 'broken', plugins: { 'ip-restriction': { whitelist: 7 } } },
      { id: 'no-value', plugins: { csrf: { key: '$env://NOBODY_SET_THIS' } } },
    ]
    const config = JSON.parse(json(node, '/a'))
    await writeFile(path, JSON.stringify({ ...config, global_rules: rules }))
    const gateway = await startOnFile(t, path)
    assert.equal(await statusOf(gateway, '/a'), 200)
    assert.equal((await fetch(`${gateway.statusUrl}/status/ready`)).status, 200)

    const { degraded, quarantined } = await gateway.sync()
    assert.match(degraded, /^global rule broken does not run: .*ip-restriction/)
    const unguarded = quarantined.filter(({ unguarded }: { unguarded?: true }) => unguarded)
    assert.deepEqual(
      unguarded.map(({ id }: { id: string }) => id),
      ['broken', 'no-value'],
    )
    const metrics = await (await fetch(`${gateway.metricsUrl}/metrics`)).text()
    assert.match(metrics, /^holdfast_degraded 1$/m)
    assert.match(metrics, /^holdfast_global_rules_missing 2$/m)
    assert.match(metrics, /^holdfast_config_quarantined 2$/m)
    const logged = 'global rule does not run, requests pass without it'
    const line = await gateway.waitForLog(logged)
    assert.equal(line['level'], 'error')

    const good = { plugins: { 'ip-restriction': { whitelist: ['192.0.2.1'] } } }
    const mended = { ...config, global_rules: [{ id: 'broken', ...good }] }
    await writeFile(path, JSON.stringify(mended))
    await serves(gateway, '/a', 403)
    await until(async () => (await gateway.sync()).degraded === null)

    // From here on there is a good version.
    await writeFile(path, JSON.stringify({ ...config, global_rules: rules.slice(0, 1) }))
    await until(async () => (await gateway.sync()).quarantined.length === 1)
    assert.equal(await statusOf(gateway, '/a'), 403)
    assert.equal((await gateway.sync()).degraded, null)
  })

  test('sees a swapped link, as a mounted ConfigMap is changed', async (t) => {
    const node = await startNode(t)
    const folder = await temporaryFolder(t)
    for (const [version, uri] of [
      ['v1', '/old'],
      ['v2', '/new'],
    ] as const) {
      await mkdir(join(folder, version))
      await writeFile(join(folder, version, 'config.json'), json(node, uri))
    }
    await symlink('v1', join(folder, '..data'))
    await symlink('..data/config.json', join(folder, 'config.json'))
    const gateway = await startOnFile(t, join(folder, 'config.json'))
    await serves(gateway, '/old')
    await symlink('v2', join(folder, '..next'))
    await rename(join(folder, '..next'), join(folder, '..data'))
    await serves(gateway, '/new')
    await serves(gateway, '/old', 404)
  })

  test('starts from the backup while the file is away, and comes back to it', async (t) => {
    const node = await startNode(t)
    const folder = await temporaryFolder(t)
    const path = join(folder, 'config.json')
    const dataDir = join(folder, 'data')
    await writeFile(path, json(node, '/kept'))
    const env = { HOLDFAST_CONFIG_PROVIDER: 'file', HOLDFAST_CONFIG_FILE: path }
    const first = await startGateway(t, { databaseUrl: '', workers: 1, env, dataDir })
    await until(async () => (await first.sync()).backup.revision === 1)
    assert.equal(await first.stop(), 0)
    await rm(path)

    const second = await startGateway(t, { databaseUrl: '', workers: 1, env, dataDir })
    assert.equal((await second.sync()).source.tier, 'backup')
    assert.match((await second.sync()).source.reason, /ENOENT/)
    assert.equal(await statusOf(second, '/kept'), 200)
    await writeFile(path, json(node, '/kept', '/more'))
    await serves(second, '/more')
    assert.equal((await second.sync()).source.tier, 'file')
  })

  test('without a file it is live, not ready and does not listen until there is one', async (t) => {
    const node = await startNode(t)
    const path = join(await temporaryFolder(t), 'later', 'config.json')
    const gateway = await startOnFile(t, path, false)
    await until(async () => (await gateway.sync()).source.reason.includes('ENOENT'))
    assert.equal((await fetch(`${gateway.statusUrl}/status`)).status, 200)
    assert.equal((await fetch(`${gateway.statusUrl}/status/ready`)).status, 503)
    assert.deepEqual((await gateway.sync()).listeners, [])
    await mkdir(join(path, '..'))
    await writeFile(path, json(node, '/x'))
    await gateway.waitForLog('gateway listening')
  })
})
