import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { PluginDescription } from '../../src/model/schemas/plugin-schemas.ts'
import { createResourceValidator } from '../../src/support/validate-resource.ts'
import { ADMIN_CASES } from './admin-cases.ts'
import { ADMIN_KEY, type AdminReply, startAdminApi } from './admin-client.ts'

const nodes = { '127.0.0.1:80': 1 }
const PLUGINS: readonly PluginDescription[] = [
  {
    name: 'key-check',
    priority: 2500,
    type: 'auth',
    schema: { type: 'object', properties: { header: { type: 'string' } } },
    consumerSchema: { type: 'object', required: ['key'] },
    metadataSchema: { type: 'object', properties: { realm: { type: 'string' } } },
  },
  { name: 'plain', priority: 10, schema: { type: 'object' }, subsystems: ['http', 'stream'] },
]
const plugins = {
  list: () => PLUGINS,
  find: (name: string) => PLUGINS.find((plugin) => plugin.name === name),
}
const validator = createResourceValidator(plugins.find)

function assertBody({ body }: AdminReply, expected: unknown): void {
  if (expected instanceof RegExp) assert.match(JSON.stringify(body), expected)
  else assert.deepEqual(body, expected)
}

suite('the admin api answers as that of APISIX', () => {
  test('request by request', async (t) => {
    const { send } = await startAdminApi(t, { plugins, validator })
    for (const { request, status, body } of ADMIN_CASES) {
      const [method, path, sent = ''] = request
      await t.test(`${method} ${path} ${JSON.stringify(sent)}`, async () => {
        const reply = await send(...request)
        assert.equal(reply.status, status, JSON.stringify(reply.body))
        if (body !== undefined) assertBody(reply, body)
        if (path !== '') assert.equal(reply.headers.get('x-api-version'), 'v3')
      })
    }
  })

  test('lists are narrowed by name, label, uri and what is referred to', async (t) => {
    const { send } = await startAdminApi(t, { validator })
    await send('PUT', '/services/7', {})
    await send('PUT', '/upstreams/u', { nodes })
    const routes: Record<string, object> = {
      a: { uri: '/hello', name: 'test-a', labels: { env: 'prod' } },
      b: { uris: ['/x', '/hello/world'], name: 'b test', service_id: 7 },
      c: { uri: '/c', upstream_id: 'u', labels: { team: 'env' } },
      d: { uri: '/d.html', service_id: '7', upstream_id: 'u' },
    }
    for (const [id, body] of Object.entries(routes)) {
      const extra = 'service_id' in body || 'upstream_id' in body ? {} : { upstream_id: 'u' }
      assert.equal((await send('PUT', `/routes/${id}`, { ...body, ...extra })).status, 201)
    }
    const cases: [query: string, ids: string][] = [
      ['name=test', 'a b'],
      ['name=^test', 'a'],
      ['name=TEST', ''],
      ['label=env', 'a'],
      ['label=prod', ''],
      ['label=', ''],
      ['label=constructor', ''],
      ['uri=hello', 'a b'],
      ['uri=\\.html$', 'd'],
      ['uri=(a%2B)%2B$', ''],
      ['name=test&uri=world', 'b'],
      ['filter=service_id%3D7', 'b d'],
      ['filter=service_id%3D7%26upstream_id%3Du', 'd'],
      ['filter=service_id%3D8', ''],
      ['name=test&page=1&page_size=10', 'a b'],
      ['page=0&page_size=10', 'a b c d'],
      ['page_size=10', 'a b c d'],
    ]
    for (const [query, ids] of cases) {
      const { status, body } = await send('GET', `/routes?${query}`)
      assert.equal(status, 200, query)
      const found = body.list.map(({ value }: { value: { id: string } }) => value.id)
      assert.deepEqual([found.join(' '), body.total], [ids, found.length], query)
    }
    const refused: [path: string, reason: RegExp][] = [
      ['/routes?name=(', /^invalid argument name: /],
      ['/routes?name=a&name=b', /^invalid argument name: should be given once/],
      ['/routes?filter=uri%3D%2Fc', /^invalid argument filter: field "uri" is not supported/],
      ['/services?filter=upstream_id%3Du', /expected none for this resource/],
      ['/routes?page=1&page_size=9', /^page_size must be between 10 and 500$/],
      ['/routes?page=1&page_size=501', /^page_size must be between 10 and 500$/],
    ]
    for (const [path, reason] of refused) {
      const { status, body } = await send('GET', path)
      assert.equal(status, 400, path)
      assert.match(body.error_msg, reason)
    }
  })

  test('writes can ask for what they change to be as they know it', async (t) => {
    const { send } = await startAdminApi(t)
    const conditional = (method: string, name: string, value: string, body?: unknown) =>
      send(method, '/upstreams/u', body, { [name]: value })
    const none = await conditional('PUT', 'if-match', '*', { nodes })
    assert.equal(none.status, 412)
    assert.equal(none.body.error_msg, 'the object is not as If-Match asks: there is none')
    const created = await conditional('PUT', 'if-none-match', '*', { nodes })
    assert.equal(created.status, 201)
    assert.equal(created.headers.get('etag'), '"1"')
    assert.equal((await conditional('PUT', 'if-none-match', '*', { nodes })).status, 412)
    await send('PUT', '/services/other', {})
    for (const tag of ['"1"', '1', 'W/"1"', '"9", "1"', '*']) {
      const dry = await conditional('GET', 'if-none-match', tag)
      assert.equal(dry.status, 304, tag)
    }
    const patched = await conditional('PATCH', 'if-match', '"1"', { desc: 'x' })
    assert.equal(patched.headers.get('etag'), '"3"')
    assert.equal((await conditional('PATCH', 'if-match', '"1"', { desc: 'y' })).status, 412)
    assert.equal((await conditional('DELETE', 'if-match', '"2"')).status, 412)
    assert.equal((await send('GET', '/upstreams/u')).body.value.desc, 'x')
    assert.equal((await conditional('DELETE', 'if-match', '"3"')).status, 200)
  })

  const keys = [
    { name: 'ci', role: 'admin', key: 'ci-key' },
    { name: 'eve', role: 'viewer', key: 'eve-key' },
  ] as const
  test('named keys act under their names; viewers only read', async (t) => {
    const adminApi = { keys, corsOrigins: undefined, serverHeader: undefined }
    const { send } = await startAdminApi(t, { adminApi })
    const as = (key: string, method: string, path: string, body?: unknown) =>
      send(method, path, body, { 'x-api-key': key })
    assert.equal((await as('ci-key', 'PUT', '/upstreams/u', { nodes })).status, 201)
    assert.equal((await as('eve-key', 'GET', '/upstreams/u')).status, 200)
    assert.equal((await as('eve-key', 'GET', '/holdfast/v1/config')).status, 200)
    const writes: [string, string][] = [
      ['PUT', '/upstreams/u'],
      ['PATCH', '/upstreams/u'],
      ['DELETE', '/upstreams/u'],
      ['POST', '/routes'],
      ['PUT', '/plugins/reload'],
      ['POST', '/schema/validate/routes'],
      ['PUT', '/configs'],
      ['POST', '/configs/validate'],
      ['POST', '/holdfast/v1/bulk'],
      ['POST', '/holdfast/v1/revisions/1/restore'],
    ]
    for (const [method, path] of writes) {
      const { status, body } = await as('eve-key', method, path, {})
      assert.equal(status, 401, `${method} ${path}`)
      assert.deepEqual(body, {
        error_msg: 'failed to check token',
        description: 'invalid method for role viewer',
      })
    }
    const change = { op: 'delete', kind: 'upstreams', id: 'u' }
    await as('ci-key', 'POST', '/holdfast/v1/bulk', { changes: [change] })
    await as(ADMIN_KEY, 'PUT', '/upstreams/u', { nodes })
    const { body } = await send('GET', '/holdfast/v1/revisions')
    const actors = body.list.map(({ actor }: { actor: string }) => actor)
    assert.deepEqual(actors, ['admin', 'ci', 'ci'])
  })

  test('answers name a server, and let pages of some origins in', async (t) => {
    const origin = 'https://console.test'
    const adminApi = { keys: [], corsOrigins: [origin], serverHeader: 'APISIX/3.18.0' }
    const { send, port } = await startAdminApi(t, { adminApi })
    for (const path of ['/routes', '/nonsense', '/holdfast/v1/config']) {
      const reply = await send('GET', path, undefined, { origin })
      assert.equal(reply.headers.get('server'), 'APISIX/3.18.0')
      assert.equal(reply.headers.get('access-control-allow-origin'), origin)
      assert.equal(reply.headers.get('vary'), 'Origin')
    }
    const refused = await send('GET', '/routes', undefined, { 'x-api-key': 'wrong', origin })
    assert.equal(refused.status, 401)
    assert.equal(refused.headers.get('server'), 'APISIX/3.18.0')
    assert.equal(refused.headers.get('access-control-allow-origin'), origin)
    const preflight = await fetch(`http://127.0.0.1:${port}/apisix/admin/routes/1`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'PUT' },
    })
    assert.equal(preflight.status, 200)
    assert.match(preflight.headers.get('access-control-allow-methods') ?? '', /PUT.*PATCH/)
    assert.equal(preflight.headers.get('access-control-allow-headers'), '*')
    assert.equal(preflight.headers.get('access-control-max-age'), '3600')
    const stranger = await send('GET', '/routes', undefined, { origin: 'https://evil.test' })
    assert.equal(stranger.headers.get('access-control-allow-origin'), null)
  })

  test('any origin is let in, or none, as the settings say', async (t) => {
    const any = await startAdminApi(t, {
      adminApi: { keys: [], corsOrigins: '*', serverHeader: undefined },
    })
    const { headers } = await any.send('GET', '/routes')
    assert.equal(headers.get('access-control-allow-origin'), '*')
    assert.equal(headers.get('server'), null)
    const none = await startAdminApi(t)
    const reply = await none.send('GET', '/routes', undefined, { origin: 'https://a.test' })
    assert.equal(reply.headers.get('access-control-allow-origin'), null)
  })
})
