import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { startGateway, temporaryFolder, until } from '../helpers/stack.ts'
import { startNode } from '../helpers/upstream-node.ts'

suite('the control API', () => {
  test('shows what the gateway serves, as APISIX does', async (t) => {
    const node = await startNode(t)
    const path = join(await temporaryFolder(t), 'config.json')
    const nodes = { [node.address]: 1 }
    const checks = { active: { type: 'tcp', healthy: { successes: 1 } } }
    await writeFile(
      path,
      JSON.stringify({
        routes: [
          { id: 'plain', uri: '/plain', upstream: { type: 'roundrobin', nodes } },
          { id: 'r1', uri: '/r1', service_id: 's1' },
        ],
        services: [{ id: 's1', upstream_id: 'u1' }],
        upstreams: [
          { id: 'u1', type: 'roundrobin', nodes, checks },
          { id: 'unused', type: 'roundrobin', nodes, checks },
        ],
      }),
    )
    const env = { HOLDFAST_CONFIG_PROVIDER: 'file', HOLDFAST_CONFIG_FILE: path }
    const gateway = await startGateway(t, { databaseUrl: '', env })
    const url = await gateway.controlApiUrl()
    // biome-ignore lint/suspicious/noExplicitAny: read field by field
    const ask = async (at: string, init?: RequestInit): Promise<{ status: number; body: any }> => {
      const response = await fetch(url + at, init)
      const text = await response.text()
      const isJson = response.headers.get('content-type')?.includes('json')
      return { status: response.status, body: isJson ? JSON.parse(text) : text }
    }
    const counter = { success: 0, http_failure: 0, tcp_failure: 0, timeout_failure: 0 }
    const shown = {
      hostname: '127.0.0.1',
      ip: '127.0.0.1',
      port: node.port,
      status: 'healthy',
      counter,
    }
    const health = { name: '/apisix/upstreams/u1', type: 'tcp', nodes: [shown] }
    await until(async () => (await ask('/v1/healthcheck')).body.length === 1)

    await t.test('health of upstreams that are used', async () => {
      assert.deepEqual((await ask('/v1/healthcheck')).body, [health])
      assert.deepEqual((await ask('/v1/healthcheck/upstreams/u1')).body, health)
      const html = await ask('/v1/healthcheck', { headers: { accept: 'text/html,*/*' } })
      assert.match(html.body, /<td>\/apisix\/upstreams\/u1<\/td>.*<td>healthy<\/td>/)
    })

    const refusals = [
      ['/v1/healthcheck/upstreams/none', 404, 'upstreams[none] not found'],
      ['/v1/healthcheck/routes/plain', 404, 'no checker for routes[plain]'],
      ['/v1/healthcheck/upstreams', 404, 'missing src id for src type upstreams'],
      ['/v1/healthcheck/nonsense/1', 400, 'invalid src type nonsense'],
      ['/v1/route/none', 404, 'route[none] not found'],
      ['/v1/service/none', 404, 'service[none] not found'],
      ['/v1/upstream/none', 404, 'upstream[none] not found'],
      ['/v1/plugin_metadata/none', 404, 'plugin metadata[none] not found'],
      ['/v1/discovery/dns/dump', 404, '404 Not Found'],
      ['/v1/__proto__', 404, '404 Not Found'],
      ['/nothing', 404, '404 Not Found'],
      ['/v1/route/%', 400, 'invalid escape in the path'],
    ] as const
    for (const [at, status, message] of refusals) {
      await t.test(`${at} is refused`, async () => {
        assert.deepEqual(await ask(at), { status, body: { error_msg: message } })
      })
    }

    await t.test('routes, services and upstreams', async () => {
      const routes = await ask('/v1/routes')
      assert.deepEqual(
        routes.body.map(({ key }: { key: string }) => key),
        ['/apisix/routes/plain', '/apisix/routes/r1'],
      )
      const { body: route } = await ask('/v1/route/plain')
      assert.deepEqual(route, routes.body[0])
      assert.equal(route.value.uri, '/plain')
      assert.deepEqual(route.value.upstream.nodes, [
        { host: '127.0.0.1', port: node.port, weight: 1 },
      ])
      assert.equal(route.has_domain, false)
      assert.equal(route.modifiedIndex, 1)
      assert.equal((await ask('/v1/services')).body[0].value.upstream_id, 'u1')
      assert.equal((await ask('/v1/service/s1')).body.key, '/apisix/services/s1')
      assert.equal((await ask('/v1/upstreams')).body.length, 2)
      assert.deepEqual((await ask('/v1/upstream/u1')).body.value.checks, checks)
      assert.deepEqual((await ask('/v1/plugin_metadatas')).body, [])
    })

    await t.test('schemas', async () => {
      const { body } = await ask('/v1/schema')
      assert.ok(body.main.route.properties.uri)
      assert.ok(body.main.upstream.properties.checks)
      assert.deepEqual(Object.keys(body), ['main', 'plugins', 'stream_plugins'])
    })

    await t.test('collects garbage, and loads plugins anew in new workers', async () => {
      assert.deepEqual(await ask('/v1/gc', { method: 'POST' }), { status: 200, body: '' })
      assert.equal((await ask('/v1/gc')).status, 404)
      const pids = async () => (await gateway.sync()).workers.map((w: { pid: number }) => w.pid)
      const before = await pids()
      assert.equal((await ask('/v1/plugins/reload', { method: 'PUT' })).body, 'done')
      await until(async () => {
        const now = await pids()
        return now.length === 2 && !now.some((pid: number) => before.includes(pid))
      }, 30_000)
    })
  })
})
