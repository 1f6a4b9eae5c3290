import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { suite, type TestContext, test } from 'node:test'
import type { ResourceBody } from '../../../src/model/resource-kind.ts'
import { startControlApi } from '../../../src/primary/control-api/control-api.ts'
import type { ServingConfig } from '../../../src/primary/serving-config.ts'
import { createLogger } from '../../../src/support/logger.ts'
import { until } from '../../helpers/stack.ts'

const log = createLogger({ level: 'silent', role: 'gateway' })

function start(t: TestContext, port: number, routes: ResourceBody[] = []) {
  const config = {
    source: { mark: { revision: 7 } },
    bodies: () => routes,
    get: (_kind: string, id: string) => routes.find((route) => route.id === id),
  }
  const api = startControlApi(
    { host: '127.0.0.1', port },
    {
      health: { upstreams: [], upstream: () => undefined },
      config: () => config as never as ServingConfig,
      plugins: { list: () => [] },
      reloadWorkers() {},
    },
    log,
  )
  t.after(() => api.close())
  return api
}

suite('the control API', () => {
  test('waits for its address instead of failing', async (t) => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as AddressInfo
    const api = start(t, port)
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.equal(api.address, undefined)
    taken.close()
    await until(() => api.address !== undefined)
    const response = await fetch(`http://127.0.0.1:${port}/v1/healthcheck`)
    assert.deepEqual(await response.json(), [])
  })

  test('shows many routes without holding up the process', async (t) => {
    const routes = Array.from({ length: 20_000 }, (_, n) => ({
      id: `r${n}`,
      uri: `/r${n}`,
      upstream: { type: 'roundrobin', nodes: { 'node.test:80': 1 } },
    }))
    const api = start(t, 0, routes)
    await until(() => api.address !== undefined)
    const loop = monitorEventLoopDelay({ resolution: 1 })
    loop.enable()
    const response = await fetch(`http://127.0.0.1:${api.address?.port}/v1/routes`)
    let bytes = 0
    for await (const chunk of response.body ?? []) bytes += chunk.byteLength
    loop.disable()
    t.diagnostic(`${bytes} bytes, p90 of the loop delay ${loop.percentile(90) / 1e6} ms`)
    assert.ok(bytes > 2_000_000)
    // Of the client's work here, too, and of a busy machine: the longest pauses are theirs.
    assert.ok(loop.percentile(90) / 1e6 < 60)
  })

  test('shows no secret', async (t) => {
    const tls = { client_cert: 'CERT', client_key: 'a-private-key' }
    const routes = [{ id: 'r', uri: '/r', upstream: { nodes: {}, tls } }]
    const api = start(t, 0, routes)
    await until(() => api.address !== undefined)
    const response = await fetch(`http://127.0.0.1:${api.address?.port}/v1/route/r`)
    const text = await response.text()
    assert.doesNotMatch(text, /a-private-key/)
    assert.match(text, /\(redacted\)/)
  })

  test('tells a fault of its own from one of whoever asks', async (t) => {
    const broken = { id: 'r', uri: '/r', upstream: { nodes: { 'no port:x': 1 } } }
    const api = start(t, 0, [broken])
    await until(() => api.address !== undefined)
    const base = `http://127.0.0.1:${api.address?.port}/v1`
    assert.equal((await fetch(`${base}/route/r`)).status, 500)
    assert.equal((await fetch(`${base}/route/%zz`)).status, 400)
    assert.equal((await fetch(`${base}/route/other`)).status, 404)
  })
})
