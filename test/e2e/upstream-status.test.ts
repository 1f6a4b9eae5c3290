import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startPluginStack } from '../helpers/plugin-stack.ts'
import { startNode } from '../helpers/upstream-node.ts'

const REFUSES = '127.0.0.1:1'

test('X-APISIX-Upstream-Status tells of every attempt', async (t) => {
  const { put, call } = await startPluginStack(t, { HOLDFAST_SHOW_UPSTREAM_STATUS: 'always' })
  const failing = await startNode(t, 'failing', (_, response) => response.writeHead(503).end())
  const good = await startNode(t, 'good')
  const nodes = (...list: [string, number][]) =>
    list.map(([address, priority]) => {
      const [host, port] = address.split(':')
      return { host, port: Number(port), weight: 1, priority }
    })
  await put('/routes/1', { uri: '/503', upstream: { nodes: nodes([failing.address, 0]) } })
  const two = nodes([REFUSES, 1], [good.address, 0])
  await put('/routes/2', { uri: '/second', upstream: { nodes: two } })
  await put('/routes/3', { uri: '/none', upstream: { nodes: nodes([REFUSES, 0]) } })
  const cases = [
    { path: '/503', status: 503, header: '503' },
    { path: '/second', status: 200, header: '502, 200' },
    { path: '/none', status: 502, header: '502' },
    { path: '/bare/', status: 200, header: '200' },
    { path: '/nowhere', status: 404, header: undefined },
  ]
  for (const { path, status, header } of cases) {
    const answer = await call(path)
    assert.deepEqual(
      [answer.status, answer.headers['x-apisix-upstream-status']],
      [status, header],
      path,
    )
  }
})
