import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { suite, test } from 'node:test'
import { createResourceValidator } from '../../src/support/validate-resource.ts'
import { certificateFor } from '../model/schemas/certificates.ts'
import { ADMIN_KEY, startAdminApi } from './admin-client.ts'

const nodes = { '127.0.0.1:80': 1 }
const route = { uri: '/', upstream: { nodes } }
const serverCertificate = { ...certificateFor('a.test'), sni: 'a.test' }

interface Refusal {
  name: string
  request: [method: string, path: string, body?: unknown, headers?: Record<string, string>]
  status: number
  reason: RegExp
}

/** Raw bytes in, everything that comes back until the server closes. */
async function exchange(port: number, text: string, end = false): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.on('error', () => {})
  if (end) socket.end(text)
  else socket.write(text)
  await once(socket, 'close')
  return Buffer.concat(chunks).toString('latin1')
}

suite('refusals of the admin api', () => {
  const refusals: Refusal[] = [
    {
      name: 'an empty body',
      request: ['PUT', '/routes/1', ''],
      status: 400,
      reason: /^missing configurations$/,
    },
    {
      name: 'null',
      request: ['PUT', '/routes/1', 'null'],
      status: 400,
      reason: /^missing configurations$/,
    },
    {
      name: 'an array',
      request: ['PUT', '/routes/1', []],
      status: 400,
      reason: /expected object, got array/,
    },
    {
      name: 'a number',
      request: ['POST', '/routes', '1'],
      status: 400,
      reason: /expected object, got number/,
    },
    {
      name: 'bad JSON',
      request: ['PUT', '/routes/1', '{"uri":hunter2'],
      status: 400,
      reason: /^invalid request body: not valid JSON/,
    },
    {
      name: 'bad UTF-8',
      request: ['PUT', '/routes/1', Buffer.from('{"desc":"\xff"}', 'latin1')],
      status: 400,
      reason: /UTF-8/,
    },
    {
      name: 'an unknown field',
      request: ['PUT', '/routes/1', { ...route, x: 1 }],
      status: 400,
      reason: /forbidden, found x$/,
    },
    {
      name: 'a wrong type',
      request: ['PUT', '/routes/1', { ...route, uri: 1 }],
      status: 400,
      reason: /property "uri" .* got number/,
    },
    {
      name: 'a __proto__ key',
      request: ['PUT', '/routes/1', '{"__proto__":{"uri":"/"}}'],
      status: 400,
      reason: /__proto__/,
    },
    {
      name: 'a nested __proto__ key',
      request: ['PATCH', '/routes/r', '{"labels":{"__proto__":{"a":"b"}}}'],
      status: 400,
      reason: /__proto__/,
    },
    {
      name: 'a __proto__ path',
      request: ['PATCH', '/routes/r/__proto__/uri', '"/x"'],
      status: 400,
      reason: /invalid sub-path: \/__proto__$/,
    },
    {
      name: 'a constructor path',
      request: ['PATCH', '/routes/r/constructor/prototype/x', '1'],
      status: 400,
      reason: /found constructor$/,
    },
    {
      name: 'U+0000',
      request: ['PUT', '/routes/1', { ...route, desc: '\0' }],
      status: 400,
      reason: /"desc" .* U\+0000/,
    },
    {
      name: 'a lone surrogate',
      request: ['PUT', '/routes/1', `{"desc":"\\ud800"}`],
      status: 400,
      reason: /"desc" .* surrogate/,
    },
    {
      name: 'a huge number',
      request: ['PUT', '/routes/1', '{"priority":1e999}'],
      status: 400,
      reason: /"priority" .* within/,
    },
    {
      name: '700 000 levels',
      request: ['PUT', '/routes/1', '['.repeat(700_000)],
      status: 400,
      reason: /not valid JSON/,
    },
    {
      name: '500 levels',
      request: ['PUT', '/routes/1', `{"vars":${'['.repeat(500)}${']'.repeat(500)}}`],
      status: 400,
      reason: /deeper than 64/,
    },
    {
      name: 'a body over 1.5 MiB',
      request: ['PUT', '/routes/1', `"${'x'.repeat(1_572_864)}"`],
      status: 400,
      reason:
        /^invalid request body: request size 1572866 is greater than the maximum size 1572864/,
    },
    {
      name: 'a create_time',
      request: ['PUT', '/routes/1', { ...route, create_time: 1 }],
      status: 400,
      reason: /forbidden: create_time/,
    },
    {
      name: 'an update_time of an upstream',
      request: ['POST', '/routes', { uri: '/', upstream: { nodes, update_time: 1 } }],
      status: 400,
      reason: /forbidden: upstream.update_time/,
    },
    {
      name: 'another id in the body',
      request: ['PUT', '/routes/1', { ...route, id: '2' }],
      status: 400,
      reason: /^wrong route id$/,
    },
    {
      name: 'another id in a patch',
      request: ['PATCH', '/routes/r', { id: 'other' }],
      status: 400,
      reason: /^wrong route id$/,
    },
    {
      name: 'another username in the body',
      request: ['PUT', '/consumers/jack', { username: 'joe' }],
      status: 400,
      reason: /^wrong username$/,
    },
    {
      name: 'a PUT without any id',
      request: ['PUT', '/routes', route],
      status: 400,
      reason: /^missing route id$/,
    },
    {
      name: 'a bad id',
      request: ['PUT', '/routes/a%2Fb', route],
      status: 400,
      reason: /property "id" .* expected a string of 1 to 64/,
    },
    {
      name: 'a long id',
      request: ['PUT', `/routes/${'a'.repeat(65)}`, route],
      status: 400,
      reason: /property "id"/,
    },
    {
      name: 'a POST with an id',
      request: ['POST', '/routes', { ...route, id: 1 }],
      status: 400,
      reason: /^wrong route id, do not need it$/,
    },
    {
      name: 'a POST to an id',
      request: ['POST', '/routes/1', route],
      status: 400,
      reason: /^wrong route id, do not need it$/,
    },
    {
      name: 'a POST of a consumer',
      request: ['POST', '/consumers', { username: 'a' }],
      status: 405,
      reason: /^not supported `POST` method for consumer$/,
    },
    {
      name: 'a PATCH of a consumer',
      request: ['PATCH', '/consumers/a', { desc: 'a' }],
      status: 405,
      reason: /^not supported `PATCH`/,
    },
    {
      name: 'a PATCH without id',
      request: ['PATCH', '/routes', { desc: 'a' }],
      status: 400,
      reason: /^missing route id$/,
    },
    {
      name: 'a PATCH without body',
      request: ['PATCH', '/routes/r'],
      status: 400,
      reason: /^missing new configuration$/,
    },
    {
      name: 'a PATCH of an array',
      request: ['PATCH', '/routes/r', []],
      status: 400,
      reason: /expected object, got array/,
    },
    {
      name: 'a PATCH that leaves no path',
      request: ['PATCH', '/routes/r', { uri: null }],
      status: 400,
      reason: /"uri" is required/,
    },
    {
      name: 'a DELETE without id',
      request: ['DELETE', '/routes'],
      status: 400,
      reason: /^missing route id$/,
    },
    {
      name: 'an unknown kind',
      request: ['GET', '/routs'],
      status: 404,
      reason: /^Unsupported resource type: routs$/,
    },
    {
      name: 'a kind of Object',
      request: ['GET', '/constructor'],
      status: 404,
      reason: /^Unsupported resource type/,
    },
    {
      name: 'credentials of nobody',
      request: ['GET', '/credentials/a'],
      status: 404,
      reason: /^Unsupported resource type/,
    },
    {
      name: 'OPTIONS',
      request: ['OPTIONS', '/routes'],
      status: 404,
      reason: /^404 Route Not Found$/,
    },
    { name: 'a bad URL', request: ['GET', '/routes/%zz'], status: 400, reason: /not a valid url/i },
    {
      name: 'a long URL',
      request: ['GET', `/routes/${'a'.repeat(9000)}`],
      status: 414,
      reason: /longer than 8192/,
    },
    { name: 'a ttl', request: ['PUT', '/routes/1?ttl=60', route], status: 400, reason: /ttl/ },
    {
      name: 'a plugin there is none of',
      request: ['PUT', '/routes/1', { ...route, plugins: { foo: {} } }],
      status: 400,
      reason: /^unknown plugin \[foo\]$/,
    },
    {
      name: 'a dangling service',
      request: ['PUT', '/routes/1', { uri: '/', service_id: 9 }],
      status: 400,
      reason: /^failed to fetch service info by service id \[9\], response code: 404$/,
    },
    {
      name: 'a dangling upstream',
      request: ['PUT', '/services/1', { upstream_id: 9 }],
      status: 400,
      reason: /^failed to fetch upstream info by upstream id \[9\], resp/,
    },
    {
      name: 'a dangling plugin config',
      request: ['PUT', '/routes/1', { ...route, plugin_config_id: 'x' }],
      status: 400,
      reason: /^failed to fetch plugin config info by plugin config id \[x\]/,
    },
    {
      name: 'a dangling consumer group',
      request: ['PUT', '/consumers', { username: 'a', group_id: 'x' }],
      status: 400,
      reason: /^failed to fetch consumer group info by consumer group id \[x\]/,
    },
    {
      name: 'a dangling certificate',
      request: ['PUT', '/upstreams/1', { nodes, tls: { client_cert_id: 'x' } }],
      status: 400,
      reason: /^failed to fetch ssl info by ssl id \[x\], response code: 404/,
    },
    {
      name: 'a certificate of a server',
      request: [
        'PUT',
        '/routes/1',
        { uri: '/', upstream: { nodes, tls: { client_cert_id: 's' } } },
      ],
      status: 400,
      reason: /ssl id \[s\], wrong ssl type$/,
    },
    {
      name: 'a patch to a dangling service',
      request: ['PATCH', '/routes/r', { service_id: 'x' }],
      status: 400,
      reason: /service id \[x\]/,
    },
  ]

  test('each names its reason, and nothing is written', async (t) => {
    const { send, repository } = await startAdminApi(t)
    await send('PUT', '/routes/r', route)
    await send('PUT', '/ssls/s', serverCertificate)
    for (const { name, request, status, reason } of refusals) {
      await t.test(name, async () => {
        const reply = await send(...request)
        assert.equal(reply.status, status, JSON.stringify(reply.body))
        assert.match(reply.body.error_msg, reason)
        assert.doesNotMatch(JSON.stringify(reply.body), /hunter2/)
      })
    }
    assert.equal((await repository.readHead('default'))?.revision, 2)
  })

  test('any Content-Type will do', async (t) => {
    const { send } = await startAdminApi(t)
    for (const type of [
      'application/x-www-form-urlencoded',
      'garbage',
      'text/plain; charset',
      '',
    ]) {
      const { status } = await send('PUT', '/services/1', '{}', { 'content-type': type })
      assert.ok(status === 200 || status === 201, `${type}: ${status}`)
    }
  })

  test('broken HTTP is answered and does no harm', async (t) => {
    const { send, port } = await startAdminApi(t)
    const head = `PUT /apisix/admin/services/1 HTTP/1.1\r\nHost: a\r\nX-API-KEY: ${ADMIN_KEY}\r\n`
    const cases: [name: string, sent: string, end: boolean, answer: RegExp][] = [
      ['no HTTP', 'hello\r\n\r\n', false, /^HTTP\/1\.1 400 .*"error_msg"/s],
      [
        'two lengths',
        `${head}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`,
        false,
        /^HTTP\/1\.1 400/,
      ],
      ['a length that is none', `${head}Content-Length: x\r\n\r\n{}`, false, /^HTTP\/1\.1 400/],
      [
        'length and chunks',
        `${head}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}`,
        false,
        /^HTTP\/1\.1 400/,
      ],
      [
        'a bad chunk',
        `${head}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}`,
        false,
        /^HTTP\/1\.1 400/,
      ],
      [
        'a huge header',
        `${head}X: ${'x'.repeat(20_000)}\r\n\r\n`,
        false,
        /^HTTP\/1\.1 431 .*"error_msg"/s,
      ],
      ['a body cut short', `${head}Content-Length: 9\r\n\r\n{}`, true, /^(?:$|HTTP\/1\.1 400)/],
      [
        'bytes after the body',
        `${head}Content-Length: 2\r\n\r\n{}garbage\r\n\r\n`,
        false,
        /HTTP\/1\.1 400/,
      ],
      [
        'too large by length',
        `${head}Content-Length: 9999999\r\n\r\n`,
        true,
        /^HTTP\/1\.1 400 .*"error_msg"/s,
      ],
    ]
    for (const [name, sent, end, answer] of cases) {
      await t.test(name, async () => assert.match(await exchange(port, sent, end), answer))
    }
    assert.equal((await send('GET', '/services')).status, 200)
  })

  test('what is still used cannot be deleted, but by force', async (t) => {
    const { send } = await startAdminApi(t)
    const client = { ...certificateFor('c.test'), type: 'client' }
    const setup: [string, object][] = [
      ['/ssls/c', client],
      ['/upstreams/1', { nodes, tls: { client_cert_id: 'c' } }],
      ['/services/s', { upstream_id: 1 }],
      ['/plugin_configs/p', { plugins: {} }],
      ['/consumer_groups/g', { plugins: {} }],
      ['/routes/r', { uri: '/', service_id: 's', upstream_id: 1, plugin_config_id: 'p' }],
      ['/consumers', { username: 'foobar', group_id: 'g' }],
    ]
    for (const [path, body] of setup) assert.equal((await send('PUT', path, body)).status, 201)
    const used: [string, string][] = [
      ['/ssls/c', 'can not delete this ssl, upstream [1] is still using it now'],
      ['/upstreams/1', 'can not delete this upstream, route [r] is still using it now'],
      ['/services/s', 'can not delete this service directly, route [r] is still using it now'],
      ['/plugin_configs/p', 'can not delete this plugin config, route [r] is still using it now'],
      [
        '/consumer_groups/g',
        'can not delete this consumer group, consumer [foobar] is still using it now',
      ],
    ]
    for (const [path, reason] of used) {
      for (const query of ['', '?force=anyvalue']) {
        const { status, body } = await send('DELETE', path + query)
        assert.equal(status, 400)
        assert.deepEqual(body, { error_msg: reason })
      }
    }
    for (const [path] of used)
      assert.equal((await send('DELETE', `${path}?force=true`)).status, 200)
  })

  test('a plugin stands in one global rule only', async (t) => {
    const validator = createResourceValidator(() => ({ schema: { type: 'object' } }))
    const { send } = await startAdminApi(t, { validator })
    const rule = { plugins: { prometheus: {} } }
    assert.equal((await send('PUT', '/global_rules/1', rule)).status, 201)
    assert.equal((await send('PUT', '/global_rules/1', rule)).status, 200)
    const { status, body } = await send('PUT', '/global_rules/2', rule)
    assert.equal(status, 400)
    assert.deepEqual(body, {
      error_msg: "plugin 'prometheus' already exists in global rule with id '1'",
    })
  })

  test('a reference and the deletion of its target never both succeed', async (t) => {
    const { send } = await startAdminApi(t)
    for (let i = 0; i < 25; i++) {
      await send('PUT', '/services/s', { upstream: { nodes } })
      const [put, deletion] = await Promise.all([
        send('PUT', '/routes/r', { uri: '/', service_id: 's' }),
        send('DELETE', '/services/s'),
      ])
      const outcome = [put.status < 300, deletion.status < 300]
      assert.deepEqual(outcome.toSorted(), [false, true], `${put.status} ${deletion.status}`)
      await send('DELETE', '/routes/r')
    }
  })

  test('writes to one object at the same time are all kept apart', async (t) => {
    const { send } = await startAdminApi(t)
    await send('PUT', '/routes/r', route)
    const patches = Array.from({ length: 20 }, (_, i) =>
      send('PATCH', '/routes/r', { labels: { [`l${i}`]: 'x' } }),
    )
    for (const { status } of await Promise.all(patches)) assert.equal(status, 200)
    const { body } = await send('GET', '/routes/r')
    assert.equal(Object.keys(body.value.labels).length, 20)
    assert.equal(body.modifiedIndex, 21)
  })
})
