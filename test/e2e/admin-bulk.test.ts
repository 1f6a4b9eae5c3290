import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createTestDatabase } from '../helpers/postgres.ts'
import { startControl, startGateway } from '../helpers/stack.ts'
import { startNode } from '../helpers/upstream-node.ts'

/** More than what is sent to gateways as one delta. */
const LARGE = 1_500

suite('many changes at once', () => {
  test('are served whole, whether few or thousands', async (t) => {
    const { url: databaseUrl } = await createTestDatabase(t)
    const node = await startNode(t, 'n')
    const control = await startControl(t, databaseUrl, {
      HOLDFAST_ADMIN_KEYS: 'ci:admin:ci-key,eve:viewer:eve-key',
      HOLDFAST_ADMIN_CORS_ORIGIN: 'https://console.test',
    })
    const call = async (key: string, path: string, body?: unknown) => {
      const response = await fetch(control.url + path, {
        method: body === undefined ? 'GET' : 'POST',
        headers: { 'x-api-key': key, origin: 'https://console.test' },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      return {
        status: response.status,
        headers: response.headers,
        body: JSON.parse(await response.text()),
      }
    }
    const bulk = (changes: unknown[]) =>
      call('ci-key', '/holdfast/v1/bulk?wait=all&timeout_ms=20000', { changes })
    const route = (n: number, to = 'u') => ({
      ...{ op: 'put', kind: 'routes', id: `r${n}` },
      body: { uri: `/r${n}`, upstream_id: to },
    })
    const first = await bulk([
      route(0),
      { op: 'put', kind: 'upstreams', id: 'u', body: { nodes: { [node.address]: 1 } } },
    ])
    assert.equal(first.status, 200, JSON.stringify(first.body))
    assert.equal(first.headers.get('server'), 'APISIX/3.18.0')
    assert.equal(first.headers.get('access-control-allow-origin'), 'https://console.test')

    const gateway = await startGateway(t, { databaseUrl, workers: 1 })
    const get = async (path: string) => (await fetch(gateway.url + path)).status
    assert.equal(await get('/r0'), 200)
    const many = await bulk(Array.from({ length: LARGE }, (_, n) => route(n + 1)))
    assert.deepEqual([many.body.revision, many.body.changed], [2, LARGE])
    assert.equal(many.headers.get('x-holdfast-converged'), 'true')
    assert.deepEqual([await get('/r0'), await get(`/r${LARGE}`)], [200, 200])

    const refused = await bulk([{ op: 'delete', kind: 'upstreams', id: 'u' }])
    assert.equal(refused.status, 400)
    const gone = await bulk(
      Array.from({ length: LARGE + 1 }, (_, n) => ({ op: 'delete', kind: 'routes', id: `r${n}` })),
    )
    assert.equal(gone.headers.get('x-holdfast-converged'), 'true')
    assert.equal(await get('/r0'), 404)

    const history = await call('eve-key', '/holdfast/v1/revisions')
    assert.deepEqual(
      history.body.list.map(({ actor }: { actor: string }) => actor),
      ['ci', 'ci', 'ci'],
    )
    assert.equal((await call('eve-key', '/holdfast/v1/bulk', { changes: [] })).status, 401)
  })
})
