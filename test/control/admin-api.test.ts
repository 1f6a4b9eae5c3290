import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createResourceValidator } from '../../src/support/validate-resource.ts'
import { certificateFor } from '../model/schemas/certificates.ts'
import { ADMIN_KEY, startAdminApi } from './admin-client.ts'

const upstream = { nodes: { '127.0.0.1:1980': 1 } }
const route = { uri: '/hello', upstream }
const { cert, key } = certificateFor('a.test')
const withAnyPlugin = createResourceValidator(() => ({ schema: { type: 'object' } }))

suite('admin api', () => {
  test('a route lives from PUT to DELETE as in APISIX', async (t) => {
    let nowMs = 1_700_000_000_500
    const { send } = await startAdminApi(t, { now: () => nowMs })

    const created = await send('PUT', '/routes/1', route)
    assert.equal(created.status, 201)
    assert.equal(created.headers.get('x-holdfast-revision'), '1')
    assert.equal(created.headers.get('x-api-version'), 'v3')
    const value = {
      id: '1',
      uri: '/hello',
      priority: 0,
      status: 1,
      upstream: {
        ...upstream,
        type: 'roundrobin',
        hash_on: 'vars',
        scheme: 'http',
        pass_host: 'pass',
      },
      create_time: 1_700_000_000,
      update_time: 1_700_000_000,
    }
    const envelope = { key: '/apisix/routes/1', value, createdIndex: 1, modifiedIndex: 1 }
    assert.deepEqual(created.body, envelope)
    assert.deepEqual((await send('GET', '/routes/1')).body, envelope)

    nowMs += 5000
    const replaced = await send('PUT', '/routes/1', { ...route, uri: '/bye' })
    assert.equal(replaced.status, 200)
    assert.equal(replaced.body.value.create_time, 1_700_000_000)
    assert.equal(replaced.body.value.update_time, 1_700_000_005)
    assert.equal(replaced.body.createdIndex, 1)
    assert.equal(replaced.body.modifiedIndex, 2)

    const list = await send('GET', '/routes')
    assert.deepEqual(list.body, { total: 1, list: [replaced.body] })

    const deleted = await send('DELETE', '/routes/1')
    assert.equal(deleted.status, 200)
    assert.deepEqual(deleted.body, { key: '/apisix/routes/1', deleted: '1' })
    assert.equal(deleted.headers.get('x-holdfast-revision'), '3')
    for (const method of ['GET', 'DELETE']) {
      const gone = await send(method, '/routes/1')
      assert.equal(gone.status, 404)
      assert.deepEqual(gone.body, { message: 'Key not found' })
    }
    assert.deepEqual((await send('GET', '/routes')).body, { total: 0, list: [] })
  })

  test('POST generates an id', async (t) => {
    const { send } = await startAdminApi(t)
    const [one, two] = [await send('POST', '/routes', route), await send('POST', '/routes', route)]
    assert.equal(one.status, 201)
    assert.match(one.body.value.id, /^\d{20}$/)
    assert.equal(one.body.key, `/apisix/routes/${one.body.value.id}`)
    assert.notEqual(one.body.value.id, two.body.value.id)
    assert.equal((await send('GET', `/routes/${one.body.value.id}`)).status, 200)
  })

  test('every kind can be written, listed and deleted', async (t) => {
    const { send } = await startAdminApi(t, { validator: withAnyPlugin })
    const bodies = {
      routes: route,
      services: {},
      upstreams: upstream,
      consumers: { username: 'x1' },
      consumer_groups: { plugins: {} },
      plugin_configs: { plugins: {} },
      global_rules: { plugins: {} },
      plugin_metadata: { any: 'thing' },
      ssls: { cert, key, sni: 'a.test' },
      stream_routes: { upstream },
      protos: { content: 'syntax = "proto3";' },
    }
    // Credentials and secrets stand under something: see nested-resources.test.ts.
    for (const [kind, body] of Object.entries(bodies)) {
      const path = `/${kind}/x1`
      assert.equal((await send('PUT', path, body)).status, 201, kind)
      assert.equal((await send('PUT', path, body)).status, 200, kind)
      const list = await send('GET', `/${kind}`)
      assert.equal(list.body.total, 1)
      assert.equal(list.body.list[0].key, `/apisix/${kind}/x1`)
      assert.equal((await send('DELETE', path)).status, 200)
      assert.equal((await send('GET', path)).status, 404)
    }
  })

  test('PUT takes the id from the body when the URL has none', async (t) => {
    const { send } = await startAdminApi(t)
    assert.equal((await send('PUT', '/routes', { ...route, id: 7 })).body.key, '/apisix/routes/7')
    const jack = await send('PUT', '/consumers', { username: 'jack' })
    assert.equal(jack.body.key, '/apisix/consumers/jack')
    assert.equal(jack.status, 201)
  })

  test('PATCH merges, removes with null, and replaces arrays', async (t) => {
    const { send } = await startAdminApi(t)
    const full = { ...route, desc: 'old', hosts: ['a', 'b'], labels: { x: '1', y: '2' } }
    await send('PUT', '/routes/1', full)
    const patch = {
      desc: null,
      hosts: ['c'],
      labels: { x: null, z: '3' },
      upstream: { nodes: { '127.0.0.1:1981': 2 } },
    }
    const { status, body } = await send('PATCH', '/routes/1', patch)
    assert.equal(status, 200)
    assert.equal(body.createdIndex, 1)
    assert.equal(body.modifiedIndex, 2)
    assert.equal('desc' in body.value, false)
    assert.deepEqual(body.value.hosts, ['c'])
    assert.deepEqual(body.value.labels, { y: '2', z: '3' })
    assert.deepEqual(body.value.upstream.nodes, { '127.0.0.1:1980': 1, '127.0.0.1:1981': 2 })
  })

  test('PATCH of a sub path replaces what is there', async (t) => {
    const { send } = await startAdminApi(t)
    await send('PUT', '/routes/1', route)
    const nodes = await send('PATCH', '/routes/1/upstream/nodes', { 'b:80': 3 })
    assert.deepEqual(nodes.body.value.upstream.nodes, { 'b:80': 3 })
    assert.equal((await send('PATCH', '/routes/1/uri', '"/new"')).body.value.uri, '/new')
    assert.deepEqual((await send('PATCH', '/routes/1/methods', ['GET'])).body.value.methods, [
      'GET',
    ])
    assert.equal('methods' in (await send('PATCH', '/routes/1/methods', 'null')).body.value, false)
    const bad = await send('PATCH', '/routes/1/uri/x', '1')
    assert.equal(bad.status, 400)
    assert.deepEqual(bad.body, { error_msg: 'invalid sub-path: /uri' })
  })

  test('a private key is stored but never shown', async (t) => {
    const { send, repository } = await startAdminApi(t)
    const put = await send('PUT', '/ssls/1', {
      cert,
      key,
      sni: 'a.test',
      certs: [cert],
      keys: [key],
    })
    const patched = await send('PATCH', '/ssls/1', { status: 0 })
    assert.equal(patched.status, 200)
    for (const { body } of [
      put,
      patched,
      await send('GET', '/ssls/1'),
      await send('GET', '/ssls'),
    ]) {
      assert.doesNotMatch(JSON.stringify(body), /PRIVATE KEY/)
    }
    assert.equal((await repository.get('default', 'ssls', '1'))?.body['key'], key)
  })

  test('groups are apart', async (t) => {
    const { send } = await startAdminApi(t)
    await send('PUT', '/routes/1?gateway_group_id=blue', route)
    assert.equal((await send('GET', '/routes/1')).status, 404)
    assert.equal((await send('GET', '/routes/1?gateway_group_id=blue')).status, 200)
    for (const name of ['', 'a/b', 'x'.repeat(65), 'a&gateway_group_id=b']) {
      const { status, body } = await send('GET', `/routes?gateway_group_id=${name}`)
      assert.equal(status, 400)
      assert.match(body.error_msg, /gateway_group_id/)
    }
  })

  test('lists come in pages when asked', async (t) => {
    const { send } = await startAdminApi(t)
    for (let i = 12; i > 0; i--) await send('PUT', `/services/${i}`, {})
    const second = await send('GET', '/services?page=2&page_size=10')
    assert.equal(second.body.total, 12)
    assert.deepEqual(
      second.body.list.map((item: { value: { id: string } }) => item.value.id),
      ['2', '1'],
    )
    assert.equal((await send('GET', '/services?page=1&page_size=9')).status, 400)
    assert.equal((await send('GET', '/services?page=x&page_size=10')).status, 400)
  })

  test('only the admin key opens the door', async (t) => {
    const { send, port } = await startAdminApi(t)
    const missing = await send('GET', '/routes', undefined, { 'x-api-key': '' })
    assert.equal(missing.status, 401)
    const words = { error_msg: 'failed to check token', description: 'missing apikey' }
    assert.deepEqual(missing.body, words)
    for (const wrong of ['wrong', `${ADMIN_KEY}x`, ADMIN_KEY.slice(1)]) {
      const reply = await send('PUT', '/nonsense', '{', { 'x-api-key': wrong })
      assert.equal(reply.status, 401)
      assert.equal(reply.body.description, 'wrong apikey')
    }
    const url = `http://127.0.0.1:${port}/apisix/admin/routes?api_key=`
    assert.equal((await fetch(url + ADMIN_KEY)).status, 200)
    assert.equal((await fetch(`${url}${ADMIN_KEY}&api_key=${ADMIN_KEY}`)).status, 401)
    const probe = { method: 'HEAD', headers: { 'x-api-key': ADMIN_KEY } }
    assert.equal((await fetch(`http://127.0.0.1:${port}/apisix/admin`, probe)).status, 200)
  })

  test('liveness and readiness need no key', async (t) => {
    const { port } = await startAdminApi(t)
    for (const path of ['/status', '/status/ready']) {
      const response = await fetch(`http://127.0.0.1:${port}${path}`)
      assert.equal(response.status, 200)
    }
  })

  test('writes are logged without bodies and keys', async (t) => {
    const logLines: string[] = []
    const { send } = await startAdminApi(t, { logLines })
    await send('PUT', '/routes/1', { ...route, desc: 'a secret' })
    await send('DELETE', '/routes/1')
    const lines = logLines.map((line) => JSON.parse(line)).filter((line) => line.kind)
    assert.deepEqual(
      lines.map(({ msg, kind, id, group, revision, actor }) => [
        msg,
        kind,
        id,
        group,
        revision,
        actor,
      ]),
      [
        ['resource written', 'routes', '1', 'default', 1, 'admin'],
        ['resource deleted', 'routes', '1', 'default', 2, 'admin'],
      ],
    )
    assert.doesNotMatch(logLines.join(''), new RegExp(`a secret|${ADMIN_KEY}`))
  })
})
