import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import pg from 'pg'
import { createKeyring, parseKeys } from '../../src/support/keyring.ts'
import { createResourceSecrets } from '../../src/support/resource-secrets.ts'
import { certificateFor } from '../model/schemas/certificates.ts'
import { type AdminClient, startAdminApi } from './admin-client.ts'

const BULK = '/holdfast/v1/bulk'
const CONFIG = '/holdfast/v1/config'
const nodes = { '127.0.0.1:80': 1 }

const put = (kind: string, id: unknown, body: unknown = {}) => ({ op: 'put', kind, id, body })
const remove = (kind: string, id: unknown) => ({ op: 'delete', kind, id })
const route = (id: string, upstream_id: string) => put('routes', id, { uri: `/${id}`, upstream_id })
const upstream = (id: string) => put('upstreams', id, { nodes })

async function bulk({ send }: AdminClient, changes: unknown[], query = '') {
  return send('POST', `${BULK}${query}`, { changes })
}

/** What is stored, as `kind/id`. */
async function objects({ send }: AdminClient): Promise<string[]> {
  const { body } = await send('GET', CONFIG)
  const { _meta, ...collections } = body
  return Object.entries(collections as Record<string, { id?: string; username?: string }[]>)
    .flatMap(([kind, list]) => list.map(({ id, username }) => `${kind}/${username ?? id}`))
    .sort()
}

suite('bulk changes', () => {
  test('keep others who write waiting for 2 s, who then are told to come again', async (t) => {
    const { send, databaseUrl } = await startAdminApi(t)
    await send('PUT', '/upstreams/u', { nodes })
    const client = new pg.Client(databaseUrl)
    await client.connect()
    // The database is dropped under it if the test fails.
    client.on('error', () => {})
    await client.query('BEGIN; SELECT FROM config_head FOR UPDATE')
    for (const [method, path, body] of [
      ['PUT', '/upstreams/v', { nodes }],
      ['POST', BULK, { changes: [upstream('v')] }],
    ] as const) {
      const refused = await send(method, path, body)
      assert.equal(refused.status, 503)
      assert.match(refused.body.error_msg, /^another large write is under way, nothing was written/)
      assert.equal(refused.headers.get('retry-after'), '1')
    }
    assert.equal((await send('GET', '/upstreams/u')).status, 200)
    await client.end()
    assert.equal((await send('PUT', '/upstreams/v', { nodes })).status, 201)
  })

  test('apply in any order, as one revision, and say what became of each', async (t) => {
    let nowMs = 1_700_000_000_000
    const api = await startAdminApi(t, { now: () => nowMs })
    const first = await bulk(api, [route('r1', 'u1'), upstream('u1'), upstream('u2')])
    assert.equal(first.status, 200, JSON.stringify(first.body))
    assert.deepEqual(first.body, {
      revision: 1,
      changed: 3,
      dry_run: false,
      results: [
        { index: 0, kind: 'routes', id: 'r1', op: 'put', status: 'created' },
        { index: 1, kind: 'upstreams', id: 'u1', op: 'put', status: 'created' },
        { index: 2, kind: 'upstreams', id: 'u2', op: 'put', status: 'created' },
      ],
    })
    assert.equal(first.headers.get('x-holdfast-revision'), '1')
    nowMs += 10_000
    const changes = [
      remove('upstreams', 'u1'),
      route('r1', 'u2'),
      upstream('u2'),
      remove('routes', 'r9'),
    ]
    const dry = await bulk(api, changes, '?dry_run=true')
    assert.equal(dry.body.revision, 1)
    assert.equal(dry.body.dry_run, true)
    const second = await bulk(api, changes)
    const statuses = second.body.results.map(({ status }: { status: string }) => status)
    assert.deepEqual(statuses, ['deleted', 'updated', 'unchanged', 'absent'])
    assert.deepEqual(dry.body.results, second.body.results)
    assert.deepEqual([dry.body.changed, second.body.changed, second.body.revision], [2, 2, 2])
    assert.deepEqual(await objects(api), ['routes/r1', 'upstreams/u2'])
    const { body } = await api.send('GET', '/routes/r1')
    assert.deepEqual([body.createdIndex, body.modifiedIndex], [1, 2])
    assert.equal(body.value.create_time, 1_700_000_000)
    assert.equal(body.value.update_time, 1_700_000_010)
    const history = await api.send('GET', '/holdfast/v1/revisions/2')
    assert.equal(history.body.total, 2)
  })

  test('what is put back as it was read changes nothing, secrets included', async (t) => {
    const secrets = createResourceSecrets(
      createKeyring(parseKeys(`k:${Buffer.alloc(32, 1).toString('base64')}`)),
    )
    const api = await startAdminApi(t, { secrets })
    const { cert, key } = certificateFor('a.test')
    const client = { type: 'client', ...certificateFor('client.test') }
    const made = await bulk(api, [
      put('ssls', 's', { cert, key, sni: 'a.test', create_time: 5 }),
      put('ssls', 'c', client),
      put('upstreams', 'u', {
        nodes,
        scheme: 'https',
        tls: { client_cert: client.cert, client_key: client.key },
      }),
      put('consumers', 'jack', { username: 'jack' }),
      put('routes', 'r', { uri: '/', upstream_id: 'u' }),
    ])
    assert.equal(made.status, 200, JSON.stringify(made.body))
    const { body } = await api.send('GET', CONFIG)
    assert.equal(body.ssls[1].create_time, 5)
    assert.equal(body.ssls[1].key, undefined)
    assert.doesNotMatch(JSON.stringify(body), /PRIVATE KEY/)
    const { _meta, ...collections } = body
    const changes = Object.entries(
      collections as Record<string, Record<string, unknown>[]>,
    ).flatMap(([kind, list]) =>
      list.map((value) => put(kind, value['username'] ?? value['id'], value)),
    )
    const again = await bulk(api, changes)
    assert.equal(again.status, 200, JSON.stringify(again.body))
    assert.deepEqual([again.body.changed, again.body.revision], [0, 1])
    const other = certificateFor('a.test').cert
    const without = await bulk(api, [put('ssls', 's', { cert: other, sni: 'a.test' })])
    assert.equal(without.status, 400)
    assert.match(without.body.results[0].error, /"key" is required/)
  })

  const certificate = { cert: certificateFor('a.test').cert, sni: 'a.test' }
  const faults: { name: string; changes: unknown[]; errors: [index: number, error: RegExp][] }[] = [
    {
      name: 'objects that are not valid',
      changes: [put('routes', 'a', { uri: 1 }), upstream('ok'), put('upstreams', 'b', { x: 1 })],
      errors: [
        [0, /^invalid configuration: property "uri"/],
        [2, /found x/],
      ],
    },
    {
      name: 'references to what will not be there',
      changes: [route('a', 'nowhere'), route('b', 'used'), remove('upstreams', 'used')],
      errors: [
        [0, /^failed to fetch upstream info by upstream id \[nowhere\], response code: 404$/],
        [1, /\[used\], response code: 404$/],
        [2, /^can not delete this upstream, route \[r\] is still using it now$/],
      ],
    },
    {
      name: 'ids that differ',
      changes: [
        put('routes', 'a', { id: 'b', uri: '/' }),
        put('consumers', 'a', { username: 'b' }),
      ],
      errors: [
        [0, /^wrong route id$/],
        [1, /^wrong username$/],
      ],
    },
    {
      name: 'an object that occurs twice',
      changes: [upstream('a'), upstream('b'), remove('upstreams', 'a')],
      errors: [[2, /^is change 0 too$/]],
    },
    {
      name: 'a credential without its consumer',
      changes: [put('credentials', 'joe/credentials/c', { plugins: {} })],
      errors: [[0, /./]],
    },
    {
      name: 'a certificate whose key is not known',
      changes: [put('ssls', 'new', certificate)],
      errors: [[0, /"key" is required/]],
    },
    {
      name: 'what is no change',
      changes: [
        1,
        { op: 'patch', kind: 'routes', id: 'a' },
        put('plugs', 'a'),
        put('routes', ''),
        { op: 'put', kind: 'routes', id: 'a' },
        { ...remove('routes', 'a'), body: {} },
        { ...remove('routes', 'a'), force: true },
      ],
      errors: [
        [0, /^expected an object$/],
        [1, /^op should be/],
        [2, /^unsupported resource type$/],
        [3, /^missing id/],
        [4, /^missing body/],
        [5, /^a delete has no body$/],
        [6, /found force$/],
      ],
    },
  ]
  test('with anything wrong, nothing is written and each fault is named', async (t) => {
    const api = await startAdminApi(t)
    await bulk(api, [upstream('used'), route('r', 'used'), put('consumers', 'jack')])
    const before = await api.send('GET', CONFIG)
    for (const { name, changes, errors } of faults) {
      for (const query of ['', '?dry_run=true']) {
        const { status, body } = await bulk(api, changes, query)
        assert.equal(status, 400, name)
        assert.equal(body.failed, errors.length, `${name}: ${JSON.stringify(body)}`)
        assert.match(body.error_msg, new RegExp(`^${errors.length} of ${changes.length} changes`))
        for (const [n, [index, error]] of errors.entries()) {
          assert.equal(body.results[n].index, index, name)
          assert.match(body.results[n].error, error, name)
        }
      }
    }
    assert.deepEqual(
      (await api.send('GET', CONFIG)).body._meta.revision,
      before.body._meta.revision,
    )
    assert.equal((await bulk(api, [])).body.changed, 0)
    const requests: [unknown, RegExp][] = [
      [undefined, /^missing changes$/],
      ['[]', /expected an object with a list "changes"/],
      ['{"changes":{}}', /expected an object with a list/],
      ['{"changes":[],"x":1}', /found x$/],
      ['{"changes":[}', /^invalid request body: not valid JSON/],
    ]
    for (const [request, reason] of requests) {
      const { status, body } = await api.send('POST', BULK, request)
      assert.equal(status, 400)
      assert.match(body.error_msg, reason)
    }
    assert.equal((await bulk(api, [], '?dry_run=1')).status, 400)
  })

  test('with a consumer go its credentials', async (t) => {
    const api = await startAdminApi(t)
    const made = await bulk(api, [
      put('credentials', 'jack/credentials/c', { plugins: {} }),
      put('consumers', 'jack'),
      put('consumers', 'joe'),
    ])
    if (made.status !== 200) t.diagnostic(JSON.stringify(made.body))
    assert.equal(made.status, 200)
    const gone = await bulk(api, [remove('consumers', 'jack')])
    assert.equal(gone.body.changed, 2)
    assert.deepEqual(await objects(api), ['consumers/joe'])
  })

  test('If-Match bounds the write to one revision', async (t) => {
    const api = await startAdminApi(t)
    const at = (ifMatch: string) =>
      api.send(
        'POST',
        BULK,
        { changes: [upstream(ifMatch.replaceAll('"', ''))] },
        { 'if-match': ifMatch },
      )
    assert.equal((await at('"1"')).status, 412)
    assert.equal((await at('"0"')).status, 200)
    const stale = await at('"0"')
    assert.equal(stale.status, 412)
    assert.equal(stale.body.error_msg, 'the gateway group is at revision 1')
    const { headers } = await api.send('GET', CONFIG)
    assert.equal(headers.get('etag'), '"1"')
    assert.equal((await at('"1"')).status, 200)
    const known = await api.send('GET', CONFIG, undefined, { 'if-none-match': '"2"' })
    assert.equal(known.status, 304)
  })

  test('the configuration can be narrowed to some kinds', async (t) => {
    const api = await startAdminApi(t)
    await bulk(api, [upstream('u'), route('r', 'u')])
    const { body } = await api.send('GET', `${CONFIG}?kind=upstreams,consumers`)
    assert.deepEqual(Object.keys(body), ['_meta', 'upstreams'])
    assert.equal((await api.send('GET', `${CONFIG}?kind=nonsense`)).status, 400)
    const other = await api.send('GET', `${CONFIG}?gateway_group_id=other`)
    assert.deepEqual(Object.keys(other.body), ['_meta'])
  })

  test('many thousand objects are one revision, and other requests are answered meanwhile', async (t) => {
    const api = await startAdminApi(t)
    const count = 6_000
    const changes = Array.from({ length: count }, (_, n) => route(`r${n}`, `u${n % 100}`))
    for (let n = 0; n < 100; n++) changes.push(upstream(`u${n}`))
    const done = bulk(api, changes)
    let answered = 0
    let isDone = false
    void done.finally(() => {
      isDone = true
    })
    while (!isDone) {
      const response = await fetch(`http://127.0.0.1:${api.port}/status`)
      assert.equal(response.status, 200)
      answered += 1
    }
    const { status, body } = await done
    assert.equal(status, 200, JSON.stringify(body).slice(0, 500))
    assert.deepEqual([body.revision, body.changed], [1, count + 100])
    assert.ok(answered > 20, `${answered} requests were answered meanwhile`)
    const list = await api.send('GET', '/routes')
    assert.equal(list.body.total, count)
    const removed = Array.from({ length: 300 }, (_, n) => remove('upstreams', `u${n}`))
    const used = await bulk(api, removed)
    assert.equal(used.body.failed, 100)
    assert.match(used.body.results[7].error, /^can not delete this upstream, route \[r\d*07\] is/)
    const gone = await bulk(
      api,
      changes.map(({ kind, id }) => remove(kind, id)),
    )
    assert.equal(gone.body.changed, count + 100)
    assert.deepEqual(await objects(api), [])
  })
})
