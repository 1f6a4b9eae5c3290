import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { withDefaults } from '../../../src/support/validate-resource.ts'
import { type Case, metadataCases, NODES, testCases } from './cases.ts'

const valid = { uri: '/', upstream: { nodes: NODES } }

function bad(name: string, fields: object, refused: RegExp): Case {
  return { name, body: { ...valid, ...fields }, refused }
}

suite('route', () => {
  testCases('routes', [
    { name: 'a path and an upstream', body: valid },
    { name: 'a path and a service', body: { uri: '/', service_id: 1 } },
    { name: 'a path and an upstream id', body: { uris: ['/a', '/b/*'], upstream_id: 'u-1' } },
    { name: 'a path and plugins', body: { uri: '/', plugins: {} } },
    {
      name: 'every field',
      body: {
        ...valid,
        id: 'r_1.a-b',
        name: 'n'.repeat(256),
        desc: '',
        labels: { 'any key': 'v' },
        create_time: 1,
        update_time: 2,
        priority: -5,
        methods: ['GET', 'PURGE'],
        hosts: ['*.example.com', '[::1]', '*'],
        remote_addrs: ['10.0.0.0/8', '::/0', '192.168.0.1', 'fe80::1'],
        timeout: { connect: 0.5, send: 1, read: 60 },
        vars: [['OR', ['arg_a', '==', 'b'], ['http_x', '!', 'in', ['c']]]],
        plugin_config_id: 7,
        enable_websocket: true,
        status: 0,
      },
    },
    ...metadataCases(valid),
    {
      name: 'no path',
      body: { upstream: { nodes: NODES } },
      refused: /property "uri" is required/,
    },
    { name: 'no destination', body: { uri: '/' }, refused: /"upstream".*"service_id".* required/ },
    bad('uri and uris', { uris: ['/a'] }, /^only one of uri or uris is allowed$/),
    bad('host and hosts', { host: 'a', hosts: ['b'] }, /^only one of host or hosts is allowed$/),
    bad(
      'remote_addr and remote_addrs',
      { remote_addr: '::1', remote_addrs: ['::2'] },
      /^only one of remote_addr or remote_addrs is allowed$/,
    ),
    bad('an empty uri', { uri: '' }, /property "uri" .* string too short, expected at least 1/),
    bad('a long uri', { uri: 'u'.repeat(4097) }, /property "uri" .* at most 4096, got 4097$/),
    bad('a uri of a number', { uri: 1 }, /property "uri" .* wrong type: expected string, got num/),
    { name: 'an empty list of uris', body: { uris: [] }, refused: /"uris" .* at least 1 items/ },
    {
      name: 'a uri twice',
      body: { uris: ['/a', '/a'] },
      refused: /"uris" .* items 1 and 2 are eq/,
    },
    bad(
      'an unknown method',
      { methods: ['GET', 'get'] },
      /"methods" .* item 2: .* one of GET, POST/,
    ),
    bad('a method twice', { methods: ['GET', 'GET'] }, /"methods" .* unique/),
    bad('a bad host', { host: 'a b' }, /"host" .* expected a host name/),
    bad('an empty host', { hosts: [''] }, /"hosts" .* item 1/),
    bad('a bad address', { remote_addr: '1.2.3' }, /"remote_addr" .* expected an IPv4 or IPv6/),
    bad('a bad prefix', { remote_addrs: ['1.2.3.4/33'] }, /"remote_addrs" .* item 1/),
    bad('an address with a zone', { remote_addr: 'fe80::1%eth0' }, /"remote_addr"/),
    bad(
      'a zero time-out',
      { timeout: { connect: 0, send: 1, read: 1 } },
      /"connect" .* greater th/,
    ),
    bad('an incomplete time-out', { timeout: { connect: 1 } }, /"timeout" .* "send" is required/),
    bad('a status of 2', { status: 2 }, /"status" .* expected one of 1, 0/),
    bad('a fractional priority', { priority: 1.5 }, /"priority" .* expected integer/),
    bad('vars of an object', { vars: {} }, /"vars" .* expected array, got object/),
    bad('vars without brackets', { vars: ['a', '==', 'b'] }, /'vars' .* wrapped inside brackets/),
    bad('an unknown operator', { vars: [['a', '=', 'b']] }, /'vars' .* invalid operator '='/),
    bad('a wrong not', { vars: [['a', 'x', '==', 'b']] }, /bad 'not' expression/),
    bad('an empty condition', { vars: [[]] }, /rule too short/),
    bad('OR of one', { vars: ['OR', ['a', '==', 'b']] }, /rule too short/),
    bad('Lua conditions', { filter_func: 'function(vars) return true end' }, /no Lua.*"vars"/),
    bad('a Lua script', { script: 'return {}' }, /"script" is not supported.*no Lua.*plugin/),
    bad('a Lua script by id', { script_id: 1 }, /"script_id" is not supported.*no Lua/),
    bad(
      'a plugin there is none of',
      { plugins: { 'no-such': {} } },
      /^unknown plugin \[no-such\]$/,
    ),
    bad('a plugin without configuration', { plugins: { a: true } }, /"plugins" .* "a" .* object/),
    bad(
      'Lua in _meta',
      { plugins: { a: { _meta: { pre_function: 'return 1' } } } },
      /_meta\.pre_function.*plugin \[a\].*no Lua/,
    ),
    bad('a bad _meta', { plugins: { a: { _meta: { disable: 1 } } } }, /"_meta" .* "disable"/),
    bad('a broken upstream', { upstream: {} }, /property "upstream" .* "nodes" is required/),
  ])

  test('defaults are filled in, upstream and health checks included', () => {
    const route = withDefaults('routes', {
      uri: '/',
      upstream: { nodes: [{ host: 'a', weight: 1 }], checks: { active: { unhealthy: {} } } },
    })
    assert.equal(route.priority, 0)
    assert.equal(route.status, 1)
    assert.deepEqual(route.upstream, {
      nodes: [{ host: 'a', weight: 1, priority: 0 }],
      type: 'roundrobin',
      hash_on: 'vars',
      scheme: 'http',
      pass_host: 'pass',
      checks: {
        active: {
          type: 'http',
          timeout: 1,
          concurrency: 10,
          http_method: 'GET',
          http_path: '/',
          http_req_body: '',
          https_verify_certificate: true,
          unhealthy: {
            interval: 1,
            http_statuses: [429, 404, 500, 501, 502, 503, 504, 505],
            http_failures: 5,
            tcp_failures: 2,
            timeouts: 3,
          },
        },
      },
    })
  })
})
