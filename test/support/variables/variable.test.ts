import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { suite, test } from 'node:test'
import { ConfigError } from '../../../src/model/errors.ts'
import { REQUEST_VARIABLES } from '../../../src/support/variables/request-variables.ts'
import {
  compileValue,
  compileVariable,
  needsBody,
} from '../../../src/support/variables/variable.ts'
import { type RequestFacts, requestContext } from '../../helpers/request-context.ts'

const route = {
  id: 'r1',
  name: 'users',
  uri: '/users/*',
  labels: undefined,
  serviceId: 's1',
  serviceName: 'people',
}
const consumer = { username: 'jack', groupId: 'g1', labels: undefined, credentialId: 'c1' }
const upstream = {
  upstreamId: 'u1',
  nodes: ['10.1.0.1:80', '[2001:db8::1]:8080'],
  statuses: [502, 200],
  headerMs: 12.34,
  responseMs: 1500,
  bytesReceived: 42,
}
const basic = `Basic ${Buffer.from('ann:secret').toString('base64')}`

const cases: [name: string, facts: RequestFacts, expected: string | undefined][] = [
  ['uri', { target: '/a%20b?x=1' }, '/a b'],
  ['request_uri', { target: '/a%20b?x=1' }, '/a b?x=1'],
  ['real_request_uri', { target: '/a%20b?x=1' }, '/a%20b?x=1'],
  ['args', { target: '/?x=1&y' }, 'x=1&y'],
  ['query_string', { target: '/?x=1' }, 'x=1'],
  ['args', { target: '/' }, undefined],
  ['is_args', { target: '/?x' }, '?'],
  ['is_args', { target: '/' }, ''],
  ['arg_x', { target: '/?x=a+b&x=2' }, 'a b'],
  ['arg_X', { target: '/?x=1' }, undefined],
  ['arg_a-b', { target: '/?a-b=1' }, '1'],
  ['http_user_agent', { headers: ['User-Agent', 'curl'] }, 'curl'],
  ['http_User_Agent', { headers: ['user-agent', 'curl'] }, 'curl'],
  ['http_x_a', { headers: ['X-A', '1', 'x-a', '2'] }, '1, 2'],
  ['http_x_a', { headers: ['X_A', '1'] }, undefined],
  ['http_cookie', { headers: ['Cookie', 'a=1', 'Cookie', 'b=2'] }, 'a=1; b=2'],
  ['http_host', {}, 'example.com:9080'],
  ['http_connection', { headers: [], receivedHeaders: ['Connection', 'close'] }, 'close'],
  ['cookie_sid', { headers: ['Cookie', 'a=1; sid=xyz'] }, 'xyz'],
  ['sent_http_x_a', { responseHeaders: ['X-A', '1'] }, '1'],
  ['sent_http_x_a', {}, undefined],
  ['upstream_http_x_a', { responseHeaders: ['X-A', '1'] }, undefined],
  ['upstream_http_x_a', { responseHeaders: ['X-A', '1'], answeredByNode: true }, '1'],
  ['method', { method: 'PUT' }, 'PUT'],
  ['request_method', { method: 'PUT' }, 'PUT'],
  ['scheme', { scheme: 'https' }, 'https'],
  ['https', { scheme: 'https' }, 'on'],
  ['https', {}, ''],
  ['host', {}, 'example.com'],
  ['server_protocol', { httpVersion: '2' }, 'HTTP/2.0'],
  ['request', { target: '/a?b' }, 'GET /a?b HTTP/1.1'],
  ['content_type', { headers: ['Content-Type', 'text/plain'] }, 'text/plain'],
  ['content_length', { receivedHeaders: ['Content-Length', '3'] }, '3'],
  ['request_body', { body: 'hi' }, 'hi'],
  ['remote_user', { headers: ['Authorization', basic] }, 'ann'],
  ['remote_user', { headers: ['Authorization', 'Bearer x'] }, undefined],
  ['remote_addr', {}, '192.0.2.7'],
  ['remote_port', {}, '50001'],
  ['realip_remote_addr', {}, '10.0.0.9'],
  ['proxy_add_x_forwarded_for', { headers: ['X-Forwarded-For', '1.1.1.1'] }, '1.1.1.1, 10.0.0.9'],
  ['server_addr', {}, '10.0.0.1'],
  ['server_port', {}, '9080'],
  ['route_id', { route }, 'r1'],
  ['route_id', {}, undefined],
  ['route_name', { route }, 'users'],
  ['service_id', { route }, 's1'],
  ['service_name', { route }, 'people'],
  ['consumer_name', { consumer }, 'jack'],
  ['consumer_group_id', { consumer }, 'g1'],
  ['credential_id', { consumer }, 'c1'],
  ['status', { status: 204 }, '204'],
  ['status', {}, undefined],
  ['body_bytes_sent', { bytesSent: 7, headBytesSent: 20 }, '7'],
  ['bytes_sent', { bytesSent: 7, headBytesSent: 20 }, '27'],
  ['request_length', { requestLength: 81 }, '81'],
  ['request_time', { startedAt: performance.now() + 3_600_000 }, '-3600.000'],
  ['upstream_addr', { upstream }, '10.1.0.1:80, [2001:db8::1]:8080'],
  ['upstream_addr', {}, undefined],
  ['upstream_status', { upstream }, '502, 200'],
  ['upstream_header_time', { upstream }, '0.012'],
  ['upstream_response_time', { upstream }, '1.500'],
  ['upstream_response_length', { upstream }, '42'],
  ['balancer_ip', { upstream }, '2001:db8::1'],
  ['balancer_port', { upstream }, '8080'],
  ['upstream_unresolved_host', { upstream }, '2001:db8::1'],
  ['upstream_unresolved_host', { upstream: { ...upstream, lastName: 'a.test' } }, 'a.test'],
  ['balancer_ip', {}, undefined],
  ['left_by_a_plugin', { variables: { left_by_a_plugin: '1' } }, '1'],
  ['uri_param_id', { variables: { uri_param_id: '7' } }, '7'],
  ['never_heard_of', {}, undefined],
]

suite('variables', () => {
  for (const [name, facts, expected] of cases) {
    test(`$${name} is ${expected}`, () => {
      const value = compileVariable(name)(requestContext(facts))
      if (name === 'request_time') assert.match(value ?? '', /^-?\d+\.\d{3}$/)
      else assert.equal(value, expected)
    })
  }

  test('times have the forms that nginx gives them', () => {
    const read = (name: string) => compileVariable(name)(requestContext())
    assert.match(read('msec') ?? '', /^\d{10}\.\d{3}$/)
    assert.match(read('time_iso8601') ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d$/)
    assert.match(read('time_local') ?? '', /^\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}$/)
  })

  test('docs/variables.md lists all of a fixed name', async () => {
    const docs = await readFile(new URL('../../../docs/variables.md', import.meta.url), 'utf8')
    const missing = [...REQUEST_VARIABLES.keys()].filter((name) => !docs.includes(`\`${name}\``))
    assert.deepEqual(missing, [])
  })

  test('names of what is in the body say so', () => {
    const names = ['post_arg_a', 'post_arg.a', 'graphql_name', 'request_body', 'arg_a', 'uri']
    assert.deepEqual(names.map(needsBody), [true, true, true, true, false, false])
  })
})

const form = 'application/x-www-form-urlencoded; charset=utf-8'
const multipart = 'multipart/form-data; boundary=XX'
const parts = [
  '--XX\r\nContent-Disposition: form-data; name="a"\r\n\r\ngr\u00fcn\r\n',
  '--XX\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\n\0\r\n--XX--\r\n',
].join('')
const json = JSON.stringify({
  model: 'deep',
  n: 3,
  on: true,
  none: null,
  messages: [{ content: [{ type: 'text' }, { type: 'image_url' }] }, { content: [] }],
})

suite('variables of the body', () => {
  const bodies: [name: string, type: string, body: string, expected: unknown][] = [
    ['post_arg_a', form, 'a=1+2&a=3', '1 2'],
    ['post_arg_b', form, 'a=1', undefined],
    ['post_arg_a', 'application/json', '{"a":1}', undefined],
    ['post_arg.a', form, 'a=1', '1'],
    ['post_arg.a', multipart, parts, 'gr\u00fcn'],
    ['post_arg.f', multipart, parts, '\0'],
    ['post_arg.a', 'multipart/form-data', parts, undefined],
    ['post_arg.model', 'application/json', json, 'deep'],
    ['post_arg.n', 'application/json; charset=utf-8', json, 3],
    ['post_arg.on', 'application/json', json, true],
    ['post_arg.none', 'application/json', json, undefined],
    ['post_arg.model.x', 'application/json', json, undefined],
    ['post_arg.constructor', 'application/json', json, undefined],
    ['post_arg.messages[*].content[*].type', 'application/json', json, ['text', 'image_url']],
    ['post_arg.messages[0].content[1].type', 'application/json', json, ['image_url']],
    ['post_arg..type', 'application/json', json, ['text', 'image_url']],
    ["post_arg.messages[0]['content'][0].type", 'application/json', json, ['text']],
    ['post_arg.messages[9].x', 'application/json', json, undefined],
    ['post_arg.a', 'application/json', '{"a":', undefined],
    ['post_arg.a', 'text/plain', 'a=1', undefined],
  ]
  for (const [name, type, body, expected] of bodies) {
    test(`${name} of ${type} is ${JSON.stringify(expected)}`, () => {
      const request = requestContext({ method: 'POST', headers: ['Content-Type', type], body })
      assert.deepEqual(compileValue(name)(request), expected)
    })
  }

  for (const path of ['a[?(@.x)]', 'a[1:2]', '..a..b', '.a\n..b', '..a', 'a...b', 'a[', 'a[*]b']) {
    test(`post_arg.${path} is refused`, () => {
      assert.throws(() => compileValue(`post_arg.${path}`), ConfigError)
    })
  }

  test('a list shows as JSON in a text; one too deep for that is nothing', () => {
    const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`
    const read = (body: string) =>
      compileVariable('post_arg.a')(
        requestContext({ method: 'POST', headers: ['Content-Type', 'application/json'], body }),
      )
    assert.equal(read('{"a":[1,"b"]}'), '[1,"b"]')
    assert.equal(typeof read(`{"a":${deep}}`) === 'number', false)
  })

  test('a deep and a wide body cost little', () => {
    const deep = `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`
    const wide = `{"a":[${'1,'.repeat(300_000)}1]}`
    for (const body of [deep, wide]) {
      const headers = ['Content-Type', 'application/json']
      const request = requestContext({ method: 'POST', headers, body })
      const startedAt = performance.now()
      compileValue('post_arg..x')(request)
      assert.ok(performance.now() - startedAt < 2000)
    }
  })
})
