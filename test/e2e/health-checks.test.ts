import assert from 'node:assert/strict'
import { rename, writeFile } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { type Gateway, startGateway, temporaryFolder, until } from '../helpers/stack.ts'
import { startLoad } from '../helpers/steady-load.ts'
import { startNode, type UpstreamNode } from '../helpers/upstream-node.ts'

/** A node that answers checks and requests as it is told. */
interface ToldNode extends UpstreamNode {
  /** Status of checks, and of requests. */
  check: number
  answer: number
  /** When requests came that were no checks. */
  servedAt: number[]
}

async function toldNode(t: TestContext, name: string): Promise<ToldNode> {
  const told = { check: 200, answer: 200, servedAt: [] as number[] }
  const handler: RequestListener = (request, response) => {
    const isCheck = request.url === '/check'
    if (!isCheck) told.servedAt.push(performance.now())
    response.writeHead(isCheck ? told.check : told.answer, { 'x-node': name }).end(name)
  }
  return Object.assign(told, await startNode(t, name, handler)) as ToldNode
}

const ACTIVE = {
  http_path: '/check',
  healthy: { interval: 1, successes: 1 },
  unhealthy: { interval: 1, http_failures: 1, tcp_failures: 1 },
}

function upstream(nodes: readonly UpstreamNode[], more: object): object {
  const weights = Object.fromEntries(nodes.map(({ address }) => [address, 1]))
  return { type: 'roundrobin', nodes: weights, ...more }
}

/** Which node answered each of `count` requests, with its status. */
async function ask(gateway: Gateway, path: string, count: number): Promise<string[]> {
  const one = async () => {
    // A new connection each, so that all workers get some.
    const response = await fetch(gateway.url + path, { headers: { connection: 'close' } })
    await response.arrayBuffer()
    return `${response.headers.get('x-node')} ${response.status}`
  }
  // At once: on a busy machine an ejection is over before the last of a row.
  return Promise.all(Array.from({ length: count }, one))
}

/**
 * What one worker meets, or the primary finds, all workers know by then: within 100 ms, here within
 * less than their heartbeat (500 ms), as the machine may be busy with something else.
 */
const MAX_SPREAD_MS = 300
/** By then they do in any case. */
const SETTLED_MS = 600

function afterMs(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

suite('health checks', () => {
  test('of a gateway with two workers', async (t) => {
    const folder = await temporaryFolder(t)
    const path = join(folder, 'config.json')
    const dataDir = join(folder, 'data')
    const [a, b, c, d] = await Promise.all(['a', 'b', 'c', 'd'].map((name) => toldNode(t, name)))
    assert.ok(a && b && c && d)
    const config = {
      routes: [
        { id: 'active', uri: '/active', upstream_id: 'u' },
        {
          id: 'passive',
          uri: '/passive',
          upstream: upstream([c, d], {
            checks: {
              active: { ...ACTIVE, healthy: { interval: 60 }, unhealthy: { interval: 60 } },
              passive: { unhealthy: { http_failures: 3 } },
            },
          }),
        },
      ],
      upstreams: [{ id: 'u', ...upstream([a, b], { checks: { active: ACTIVE } }) }],
    }
    async function write(): Promise<void> {
      await writeFile(`${path}.new`, JSON.stringify(config))
      await rename(`${path}.new`, path)
    }
    await write()
    const env = { HOLDFAST_CONFIG_PROVIDER: 'file', HOLDFAST_CONFIG_FILE: path }
    let gateway = await startGateway(t, { databaseUrl: '', env, dataDir })
    const unhealthy = async (count: number) =>
      until(async () => (await gateway.sync()).nodes.unhealthy === count)
    const onlyFrom = async (route: string, name: string) => {
      const answers = await ask(gateway, route, 12)
      assert.deepEqual([...new Set(answers)], [`${name} 200`])
    }

    await t.test('a node that fails its check gets no request, and none fails', async () => {
      assert.equal(new Set(await ask(gateway, '/active', 8)).size, 2)
      const load = startLoad(`${gateway.url}/active`, 4)
      b.check = 500
      const line = await gateway.waitForLog('node changed its health')
      assert.deepEqual(
        [line['upstream'], line['node'], line['from'], line['to'], line['reason']],
        ['upstreams/u', b.address, 'healthy', 'unhealthy', 'check: status 500'],
      )
      await unhealthy(1)
      await afterMs(SETTLED_MS)
      b.answer = 500
      await onlyFrom('/active', 'a')
      const { failures, sent } = await load.stop()
      assert.deepEqual(failures, [])
      assert.ok(sent > 20)
    })

    await t.test('a change that does not touch the node keeps its state', async () => {
      config.routes.push({ id: 'other', uri: '/other', upstream_id: 'u' })
      Object.assign(config.upstreams[0] ?? {}, { desc: 'changed' })
      await write()
      await until(async () => (await ask(gateway, '/other', 1))[0] !== 'null 404')
      await onlyFrom('/other', 'a')
      assert.equal((await gateway.sync()).nodes.unhealthy, 1)
    })

    await t.test('a new worker knows it before it serves', async () => {
      const [first] = (await gateway.sync()).workers
      process.kill(first.pid, 'SIGKILL')
      await until(async () => {
        const { workers } = await gateway.sync()
        return workers.length === 2 && workers.every((w: { pid: number }) => w.pid !== first.pid)
      })
      await until(async () =>
        (await gateway.sync()).workers.every((w: { serving: boolean }) => w.serving),
      )
      await onlyFrom('/active', 'a')
    })

    await t.test('failed requests take a node out on all workers at once', async () => {
      const load = startLoad(`${gateway.url}/passive`, 4)
      await until(() => d.servedAt.length > 20)
      d.answer = 500
      d.servedAt = []
      await until(async () => (await gateway.sync()).nodes.unhealthy === 2)
      await afterMs(SETTLED_MS)
      await load.stop()
      const [, , third = 0] = d.servedAt
      const spreadMs = (d.servedAt.at(-1) ?? 0) - third
      t.diagnostic(`no request ${Math.round(spreadMs)} ms after the third failure`)
      assert.ok(spreadMs < MAX_SPREAD_MS)
      await onlyFrom('/passive', 'c')
    })

    await t.test('all of it is known after a restart of the daemon', async () => {
      assert.equal(await gateway.stop(), 0)
      gateway = await startGateway(t, { databaseUrl: '', env, dataDir })
      d.answer = 200
      await onlyFrom('/passive', 'c')
      await onlyFrom('/active', 'a')
    })

    await t.test('a node comes back when its check succeeds, with a growing share', async () => {
      Object.assign(config.upstreams[0] ?? {}, { holdfast: { slow_start: { window: 60 } } })
      await write()
      await gateway.waitForLog('delta applied')
      b.check = 200
      b.answer = 200
      await unhealthy(1)
      await afterMs(SETTLED_MS)
      const answers = await ask(gateway, '/active', 60)
      const fromB = answers.filter((answer) => answer === 'b 200').length
      assert.ok(fromB >= 1 && fromB <= 9, `${fromB} of 60 from a node with a twentieth share`)
    })

    await t.test('outliers are ejected for a time, then come back', async () => {
      const outlier = { consecutive_failures: 2, base_ejection_time: 3 }
      const ejecting = upstream([a, d], { holdfast: { outlier_ejection: outlier } })
      config.routes.push({ id: 'outlier', uri: '/outlier', upstream: ejecting } as never)
      await write()
      await until(async () => (await ask(gateway, '/outlier', 1))[0] !== 'null 404')
      d.answer = 500
      while ((await gateway.sync()).nodes.unhealthy < 2) await ask(gateway, '/outlier', 2)
      await afterMs(SETTLED_MS)
      await onlyFrom('/outlier', 'a')
      d.answer = 200
      await unhealthy(1)
      await until(async () => (await ask(gateway, '/outlier', 4)).includes('d 200'))
    })

    await t.test('a killed node costs no request, and is known to be down soon', async () => {
      const load = startLoad(`${gateway.url}/active`, 4)
      await a.close()
      const isIt = ({ msg, node, to }: { msg: string; node?: unknown; to?: unknown }) =>
        msg === 'node changed its health' && node === a.address && to === 'unhealthy'
      const line = await gateway.waitForLog(isIt)
      assert.equal(line['reason'], 'check: ECONNREFUSED')
      await onlyFrom('/active', 'b')
      assert.deepEqual((await load.stop()).failures, [])
    })
  })
})
