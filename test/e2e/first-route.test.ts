import assert from 'node:assert/strict'
import { get } from 'node:http'
import { before, suite, test } from 'node:test'
import { type ControlPlane, type Gateway, startStack, until } from '../helpers/stack.ts'
import { suiteContext } from '../helpers/suite-context.ts'
import { startNode } from '../helpers/upstream-node.ts'

/** Creates a route and waits until the gateway's workers serve that revision. */
async function put(control: ControlPlane, path: string, body: object): Promise<number> {
  const answer = await control.admin('PUT', path, body)
  assert.ok(answer.status === 200 || answer.status === 201, JSON.stringify(answer.body))
  return Number(answer.headers.get('x-holdfast-revision'))
}

suite('a configuration made with the Admin API', () => {
  const context = suiteContext()
  let control: ControlPlane
  let gateway: Gateway

  before(async () => {
    const stack = await startStack(context)
    control = stack.control
    gateway = stack.gateway
  })

  test('serves routes with inline, referenced and service upstreams', async (t) => {
    const blue = await startNode(t, 'blue')
    const green = await startNode(t, 'green')
    const inline = { type: 'roundrobin', nodes: { [blue.address]: 1 } }
    await put(control, '/routes/1', { uri: '/inline/*', upstream: inline })
    await put(control, '/upstreams/u', { type: 'roundrobin', nodes: { [green.address]: 1 } })
    await put(control, '/routes/2', { uri: '/referenced', upstream_id: 'u' })
    await put(control, '/services/s', { upstream_id: 'u', hosts: ['svc.example'] })
    const revision = await put(control, '/routes/3', { uri: '/service', service_id: 's' })
    await until(async () => (await gateway.sync()).revision === revision)
    await until(async () =>
      (await gateway.sync()).workers.every((w: { inSync: boolean }) => w.inSync),
    )

    const node = async (path: string, host?: string) => {
      const response = await fetch(gateway.url + path, { headers: host ? { host } : {} })
      const body = (await response.json()) as { node?: string }
      return response.ok ? body.node : response.status
    }
    assert.equal(await node('/inline/a?b=c'), 'blue')
    assert.equal(await node('/referenced'), 'green')
    assert.equal(await node('/service'), 404, 'only the service’s host is taken')

    await put(control, '/upstreams/u', { type: 'roundrobin', nodes: { [blue.address]: 1 } })
    await until(async () => (await node('/referenced')) === 'blue')
    await control.admin('DELETE', '/routes/1')
    await until(async () => (await node('/inline/a')) === 404)
  })

  test('spreads requests by weight and passes over a dead node', async (t) => {
    const heavy = await startNode(t, 'heavy')
    const light = await startNode(t, 'light')
    const nodes = { [heavy.address]: 3, [light.address]: 1 }
    const url = `${gateway.url}/weighted`
    await put(control, '/routes/4', {
      uri: '/weighted',
      upstream: { type: 'roundrobin', nodes },
    })
    await until(async () => (await fetch(url)).ok)
    const [heavyBefore, lightBefore] = [heavy.requests(), light.requests()]
    for (let n = 0; n < 80; n++) await (await fetch(url)).arrayBuffer()
    const share = (heavy.requests() - heavyBefore) / (light.requests() - lightBefore)
    assert.ok(share > 2 && share < 4, `3:1 by weight, but ${share}:1`)

    await heavy.close()
    for (let n = 0; n < 40; n++) assert.equal((await fetch(url)).status, 200)
  })

  const faults = [
    { name: 'no route', path: '/nowhere', status: 404, error: '404 Route Not Found' },
    { name: 'a refused connection', path: '/refused', status: 502, error: '502 Bad Gateway' },
    { name: 'a node that hangs', path: '/hangs', status: 504, error: '504 Gateway Timeout' },
    { name: 'no node', path: '/empty', status: 503, error: '503 Service Unavailable' },
    { name: 'a path above the root', path: '/../x', status: 400, error: '400 Bad Request' },
  ]
  test('answers faults in the words of APISIX', async (t) => {
    const hanging = await startNode(t, 'hanging', () => {})
    const timeout = { connect: 1, send: 1, read: 0.3 }
    const upstreamOf = (nodes: object) => ({ type: 'roundrobin', nodes, timeout })
    await put(control, '/routes/5', {
      uri: '/refused',
      upstream: upstreamOf({ '127.0.0.1:1': 1 }),
    })
    await put(control, '/routes/6', {
      uri: '/hangs',
      upstream: upstreamOf({ [hanging.address]: 1 }),
    })
    const revision = await put(control, '/routes/7', {
      uri: '/empty',
      upstream: upstreamOf({ [hanging.address]: 0 }),
    })
    await until(async () => (await gateway.sync()).revision === revision)
    await until(async () => (await fetch(`${gateway.url}/empty`)).status === 503)

    for (const { name, path, status, error } of faults) {
      const answer = await getRaw(gateway.url, path)
      assert.equal(answer.status, status, name)
      assert.deepEqual(JSON.parse(answer.body), { error_msg: error }, name)
    }
  })
})

/** GET with the path as it is: fetch would resolve `..` before it asks. */
function getRaw(url: string, path: string): Promise<{ status: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    get(url, { path }, (response) => {
      let body = ''
      response.on('data', (chunk) => {
        body += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode, body }))
    }).on('error', reject)
  })
}
