import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { type AdminReply, startAdminApi } from './admin-client.ts'

const CONFIGS = '/configs'
const upstream = { nodes: { '127.0.0.1:80': 1 } }
const route = (id: string, uri = `/${id}`) => ({ id, uri, upstream })

async function start(t: Parameters<typeof startAdminApi>[0]) {
  const api = await startAdminApi(t)
  const put = (document: unknown, digest: string, headers = {}) =>
    api.send('PUT', CONFIGS, document, { 'x-digest': digest, ...headers })
  const get = (headers = {}) => api.send('GET', CONFIGS, undefined, headers)
  return { ...api, put, get }
}

function uris({ body }: AdminReply): string[] {
  return (body.routes ?? []).map(({ uri }: { uri: string }) => uri)
}

suite('whole configurations, as in standalone mode', () => {
  test('a document replaces what there is, as one revision with what differs', async (t) => {
    const { send, put, get } = await start(t)
    const empty = await get()
    assert.equal(empty.status, 200)
    assert.equal(empty.body.routes_conf_version, 0)
    assert.equal(empty.body.plugins_conf_version, 0)
    assert.equal(empty.headers.get('x-digest'), null)

    const first = await put(
      { routes: [route('a'), route('b')], upstreams: [{ id: 'u', ...upstream }] },
      'd1',
    )
    assert.equal(first.status, 202, JSON.stringify(first.body))
    assert.equal(first.headers.get('x-digest'), 'd1')
    assert.ok(Number(first.headers.get('x-last-modified')) > 1_700_000_000)
    assert.equal(first.headers.get('x-holdfast-revision'), '1')
    assert.equal((await put('not read at all', 'd1')).status, 400)
    assert.equal((await put({ routes: [{ uri: 1 }] }, 'd1')).status, 204)

    const shown = await get()
    assert.deepEqual(uris(shown), ['/a', '/b'])
    assert.equal(shown.body.routes[0].create_time, undefined)
    // A number, as in APISIX; a header says it in text.
    assert.equal(typeof shown.body['X-Last-Modified'], 'number')
    assert.equal(shown.headers.get('x-last-modified'), `${shown.body['X-Last-Modified']}`)
    assert.deepEqual([shown.body.routes_conf_version, shown.body.ssls_conf_version], [1, 1])
    assert.equal(shown.headers.get('x-digest'), 'd1')
    const head = await send('HEAD', CONFIGS)
    assert.equal(head.status, 200)
    assert.equal(head.headers.get('x-digest'), 'd1')

    const second = await put({ routes: [route('a'), route('c')] }, 'd2')
    assert.equal(second.headers.get('x-holdfast-revision'), '2')
    const { body } = await send('GET', '/holdfast/v1/revisions/2')
    const changes = body.changes.map(
      (change: { action: string; id: string }) => `${change.action} ${change.id}`,
    )
    assert.deepEqual(changes.sort(), ['create c', 'delete b', 'delete u'])
    // What an answer shows can be put back; it changes nothing.
    const again = await put((await get()).body, 'd3')
    assert.equal(again.status, 202, JSON.stringify(again.body))
    assert.equal(again.headers.get('x-holdfast-revision'), '2')
    assert.equal((await send('GET', '/routes/a')).body.modifiedIndex, 1)
  })

  test('a section of the same version stays, one of an older version is refused', async (t) => {
    const { put, get } = await start(t)
    await put({ routes: [route('a')], routes_conf_version: 15 }, '1')
    const same = await put({ routes: [route('ignored')], routes_conf_version: 15 }, '2')
    assert.equal(same.status, 202)
    assert.deepEqual(uris(await get()), ['/a'])
    assert.deepEqual((await get()).body.services_conf_version, 2)
    const older = await put({ routes: [], routes_conf_version: 14 }, '3')
    assert.equal(older.status, 400)
    assert.equal(older.body.error_msg, 'routes_conf_version must be greater than or equal to (15)')
    assert.equal((await put({ routes_conf_version: 17 }, '4')).status, 202)
    assert.deepEqual(uris(await get()), [])
    assert.equal((await get()).body.routes_conf_version, 17)
  })

  test('once something else writes, the digest no longer stands for what there is', async (t) => {
    const { send, put, get } = await start(t)
    await put({ routes: [route('a')] }, 'd')
    await send('PUT', '/routes/b', { uri: '/b', upstream })
    assert.equal((await get()).headers.get('x-digest'), null)
    assert.deepEqual(uris(await get()), ['/a', '/b'])
    assert.equal((await put({ routes: [route('a')] }, 'd')).status, 202)
    assert.deepEqual(uris(await get()), ['/a'])
  })

  test('credentials stand among the consumers', async (t) => {
    const { send, put, get } = await start(t)
    const consumers = [
      { username: 'jack' },
      { id: 'jack/credentials/c', plugins: {}, modifiedIndex: 3 },
    ]
    const written = await put({ consumers }, '1')
    assert.equal(written.status, 202, JSON.stringify(written.body))
    assert.equal((await send('GET', '/consumers/jack/credentials/c')).status, 200)
    assert.deepEqual((await get()).body.consumers, [
      { username: 'jack' },
      { id: 'jack/credentials/c', plugins: {} },
    ])
    assert.equal((await put({}, '2')).status, 202)
    assert.equal((await send('GET', '/consumers/jack/credentials/c')).status, 404)
  })

  test('YAML is taken and told', async (t) => {
    const { put, get } = await start(t)
    const yaml = 'routes:\n  - id: a\n    uri: /a\n    upstream: {nodes: {"127.0.0.1:80": 1}}\n'
    const written = await put(yaml, '1', { 'content-type': 'application/yaml' })
    assert.equal(written.status, 202, JSON.stringify(written.body))
    const shown = await get({ accept: 'application/yaml' })
    assert.equal(shown.headers.get('content-type'), 'application/yaml')
    assert.match(shown.body, /^routes:\n {2}- id: a$/m)
    const bad = await put('routes: [', '2', { 'content-type': 'application/yaml' })
    assert.equal(bad.status, 400)
    assert.match(bad.body.error_msg, /^invalid request body: invalid yaml request body: /)
  })

  test('what is not valid is refused as a whole, and named', async (t) => {
    const { send, put, get } = await start(t)
    const noDigest = await send('PUT', CONFIGS, {})
    assert.equal(noDigest.status, 400)
    assert.deepEqual(noDigest.body, { error_msg: 'missing digest header' })
    const cases: [document: unknown, reason: RegExp][] = [
      ['', /^invalid request body: empty request body$/],
      ['[]', /^invalid request body: expected an object$/],
      [{ routes_conf_version: 'x' }, /^routes_conf_version must be a number$/],
      [{ routes: 1 }, /^routes must be a list$/],
      [{ routes: [route('a'), route('a')] }, /^found duplicate id a in routes$/],
      [
        { consumers: [{ username: 'a' }, { username: 'a' }] },
        /^found duplicate username a in consumers$/,
      ],
      [{ routes: [{ uri: '/', upstream }] }, /^missing route id$/],
      [{ routes: [{ id: 'a', uri: 1 }] }, /^invalid configuration: property "uri"/],
      [
        { routes: [{ id: 'a', uri: '/', service_id: 's' }] },
        /^failed to fetch service info by service id \[s\]/,
      ],
      [{ routs: [] }, /^there is no such resource$/],
      [{ plugins: [{ name: 'x' }] }, /^plugins are turned on and off by the settings/],
    ]
    for (const [document, reason] of cases) {
      const { status, body } = await put(document, 'd')
      assert.equal(status, 400, JSON.stringify(document))
      assert.match(body.error_msg, reason)
    }
    assert.equal((await get()).headers.get('x-digest'), null)
  })

  test('a document can be checked without being written', async (t) => {
    const { send, get } = await start(t)
    const check = (document: unknown) => send('POST', '/configs/validate', document)
    for (const document of [{}, { routes: [{ uri: '/', service_id: 'elsewhere' }] }]) {
      const { status, body } = await check(document)
      assert.deepEqual([status, body], [200, {}])
    }
    const { status, body } = await check({
      routes: [route('r1'), { id: 'r2', uri: 1 }, route('r1')],
      upstreams: [{ id: 'u', nodes: 1 }],
      ssls_conf_version: 'x',
    })
    assert.equal(status, 400)
    assert.equal(body.error_msg, 'Configuration validation failed')
    const found = body.errors.map(
      (error: { resource_type: string; resource_id?: string; index?: number }) =>
        [error.resource_type, error.resource_id, error.index].join('/'),
    )
    assert.deepEqual(found.sort(), ['routes/r1/2', 'routes/r2/1', 'ssls//', 'upstreams/u/0'])
    assert.equal((await check('')).body.error_msg, 'invalid request body: empty request body')
    assert.deepEqual(uris(await get()), [])
  })
})
