import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { withDefaults } from '../../../src/support/validate-resource.ts'
import { type Case, metadataCases, NODES, testCases } from './cases.ts'
import { certificateFor } from './certificates.ts'

const valid = { nodes: NODES }
const { cert, key } = certificateFor('node.test')
const other = certificateFor('other.test')

function good(name: string, fields: object): Case {
  return { name, body: { ...valid, ...fields } }
}

function bad(name: string, fields: object, refused: RegExp): Case {
  return { name, body: { ...valid, ...fields }, refused }
}

suite('upstream', () => {
  testCases('upstreams', [
    { name: 'a map of nodes', body: { nodes: { 'a:80': 0, '[::1]:8080': 2, 'b.example': 1 } } },
    { name: 'no nodes yet', body: { nodes: {} } },
    {
      name: 'a list of nodes',
      body: { nodes: [{ host: 'a', port: 80, weight: 1, metadata: {} }] },
    },
    { name: 'discovery', body: { service_name: 's', discovery_type: 'dns', discovery_args: {} } },
    good('every field', {
      id: 1,
      retries: 0,
      retry_timeout: 0,
      timeout: { connect: 1, send: 1, read: 1 },
      keepalive_pool: { size: 1, idle_timeout: 0, requests: 1 },
      type: 'ewma',
      scheme: 'grpcs',
      pass_host: 'rewrite',
      upstream_host: 'a.example',
      checks: { active: {}, passive: {} },
      tls: { client_cert: cert, client_key: key, verify: true },
    }),
    good('a bare IPv6 host', { nodes: [{ host: '::1', weight: 1 }] }),
    good('hashing a variable', { type: 'chash', key: 'arg_user-id' }),
    good('hashing a header', { type: 'chash', hash_on: 'header', key: 'X-User' }),
    good('hashing combined variables', {
      type: 'chash',
      hash_on: 'vars_combinations',
      key: '$a$b',
    }),
    good('hashing the consumer', { type: 'chash', hash_on: 'consumer' }),
    ...metadataCases(valid),
    good('a slow start with ejection', {
      holdfast: { slow_start: { window: 30 }, outlier_ejection: {} },
    }),
    bad(
      'a slow start without checks',
      { holdfast: { slow_start: { window: 30 } } },
      /"slow_start"/,
    ),
    bad(
      'checks that hide a second request',
      { checks: { active: { http_path: '/ HTTP/1.1\r\n\r\nGET /' } } },
      /line breaks/,
    ),
    bad('passive checks alone', { checks: { passive: {} } }, /"active"/),
    { name: 'no source of nodes', body: {}, refused: /"nodes" is required/ },
    {
      name: 'a service without discovery',
      body: { service_name: 's' },
      refused: /"discovery_type"/,
    },
    {
      name: 'discovery without a service',
      body: { discovery_type: 'dns' },
      refused: /"service_name"/,
    },
    bad(
      'nodes and discovery',
      { service_name: 's', discovery_type: 'dns' },
      /only one of nodes or/,
    ),
    bad('nodes of a number', { nodes: 3 }, /"nodes" .* expected an object or an array/),
    bad(
      'a negative weight',
      { nodes: { 'a:1': -1 } },
      /"nodes" .* "a:1" .* expected -1 to be at le/,
    ),
    bad('a fractional weight', { nodes: { 'a:1': 0.5 } }, /"nodes" .* expected integer/),
    bad(
      'port 0 in a map',
      { nodes: { 'a:0': 1 } },
      /"nodes" .* invalid port 0: expected 1 to 65535/,
    ),
    bad('port 65536 in a map', { nodes: { 'a:65536': 1 } }, /invalid port 65536/),
    bad('an address that is none', { nodes: { 'a b:80': 1 } }, /invalid address "a b:80"/),
    bad('an empty address', { nodes: { '': 1 } }, /invalid address ""/),
    bad('a bare IPv6 address', { nodes: { '::1': 1 } }, /must be enclosed with '\[' and '\]'/),
    bad(
      'a node without weight',
      { nodes: [{ host: 'a' }] },
      /item 1: property "weight" is required/,
    ),
    bad('port 0 in a list', { nodes: [{ host: 'a', port: 0, weight: 1 }] }, /"port" .* at least 1/),
    bad('an unknown field of a node', { nodes: [{ host: 'a', weight: 1, x: 1 }] }, /found x$/),
    bad(
      'an unknown type',
      { type: 'random' },
      /"type" .* one of roundrobin, chash, ewma, least_conn/,
    ),
    bad('hashing without a key', { type: 'chash' }, /^invalid configuration: missing key.*"key"/),
    bad(
      'hashing nothing known',
      { type: 'chash', key: 'nope' },
      /"key" .* expected a variable: uri/,
    ),
    bad(
      'hashing no header name',
      { type: 'chash', hash_on: 'header', key: '$#^@' },
      /"key" .* header name/,
    ),
    bad('an unknown hash_on', { hash_on: 'body' }, /"hash_on" .* one of vars, header/),
    bad('an unknown scheme', { scheme: 'ftp' }, /"scheme" .* one of grpc/),
    bad('rewrite without a host', { pass_host: 'rewrite' }, /`upstream_host` can't be empty/),
    bad('negative retries', { retries: -1 }, /"retries" .* expected -1 to be at least 0/),
    bad('a negative retry time-out', { retry_timeout: -1 }, /"retry_timeout"/),
    bad('an empty pool', { keepalive_pool: { size: 0 } }, /"keepalive_pool" .* "size"/),
    bad('passive checks alone', { checks: { passive: {} } }, /"checks" .* "active" is required/),
    bad(
      'an unknown check',
      { checks: { active: { type: 'icmp' } } },
      /"active" .* "type" .* http, h/,
    ),
    bad(
      'successes out of range',
      { checks: { active: { healthy: { successes: 255 } } } },
      /"healthy" .* "successes" .* expected 255 to be at most 254/,
    ),
    bad(
      'a status out of range',
      { checks: { active: {}, passive: { unhealthy: { http_statuses: [600] } } } },
      /"passive" .* "http_statuses" .* item 1: expected 600 to be at most 599/,
    ),
    bad('a certificate alone', { tls: { client_cert: cert } }, /"tls" .* "client_key" is required/),
    bad('a key alone', { tls: { client_key: key } }, /"tls" .* "client_cert" is required/),
    bad(
      'a certificate twice',
      { tls: { client_cert: cert, client_key: key, client_cert_id: 1 } },
      /"tls" .* only one of client_cert_id/,
    ),
    bad(
      'a key of another certificate',
      { tls: { client_cert: cert, client_key: other.key } },
      /"tls" .* "client_key" .* does not belong to/,
    ),
  ])

  test('IPv6 addresses of a list get brackets', () => {
    const nodes = [
      { host: '::1', weight: 1 },
      { host: '[::2]', weight: 1 },
    ]
    const { nodes: filled } = withDefaults('upstreams', { nodes })
    assert.deepEqual(
      (filled as { host: string }[]).map(({ host }) => host),
      ['[::1]', '[::2]'],
    )
  })
})
