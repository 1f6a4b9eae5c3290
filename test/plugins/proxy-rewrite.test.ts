import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import proxyRewrite from '../../src/plugins/proxy-rewrite.ts'
import type { GatewayRequest } from '../../src/worker/gateway-request.ts'
import { configure, createRequest, type RequestFacts } from '../helpers/plugin-harness.ts'

function rewrite(config: Record<string, unknown>, facts: RequestFacts = {}): GatewayRequest {
  const request = createRequest(facts)
  assert.equal(configure(proxyRewrite, config).rewrite?.(request), undefined)
  return request
}

suite('proxy-rewrite: where the request goes', () => {
  const unsafe = { use_real_request_uri_unsafe: true }
  const pair = ['^/test/(.*)/(.*)/(.*)', '/$1_$2_$3']
  const cases: [string, Record<string, unknown>, string, string][] = [
    ['a fixed path keeps the query', { uri: '/new' }, '/old?q=a%20b&a=1?', '/new?q=a%20b&a=1?'],
    ['a fixed path without a query', { uri: '/new' }, '/old', '/new'],
    ['queries are merged', { uri: '/new?x=1' }, '/old?a=b', '/new?x=1&a=b'],
    ['a query of its own', { uri: '/new?x=1' }, '/old', '/new?x=1'],
    ['variables', { uri: '/$arg_to/x' }, '/old?to=hello', '/hello/x?to=hello'],
    ['a mark in a variable begins no query', { uri: '/$uri' }, '/a%3Fb=c', '//a%253Fb=c'],
    [
      'control characters of a variable are escaped, in the path and in the query',
      { uri: '$uri?orig=$uri' },
      '/a%0D%0AX:%20y',
      '/a%0D%0AX:%20y?orig=/a%0D%0AX:%20y',
    ],
    ['percent signs are text', { uri: '/50%/a%20b' }, '/', '/50%25/a%2520b'],
    [
      'characters beyond ASCII are escaped',
      { uri: '/ü^`{}|"<>' },
      '/',
      '/%C3%BC%5E%60%7B%7D%7C%22%3C%3E',
    ],
    [
      'a pattern',
      { regex_uri: pair },
      '/test/plugin/proxy/rewrite?a=b',
      '/plugin_proxy_rewrite?a=b',
    ],
    ['a pattern that does not match', { regex_uri: pair }, '/else/%41?a', '/else/A?a'],
    [
      'the first pattern that matches',
      { regex_uri: ['^/x', '/1', '^/y', '/2', '/y', '/3'] },
      '/y/z',
      '/2/z',
    ],
    ['a replacement with a query', { regex_uri: ['^/(.*)$', '/r?p=$1'] }, '/ab?c=d', '/r?p=ab&c=d'],
    [
      'a mark in the path stays there',
      { regex_uri: ['^/(.*)$', '/r/$1?x=y'] },
      '/a%3Fb',
      '/r/a%3Fb%3Fx=y',
    ],
    [
      'what a group matched is escaped',
      { regex_uri: ['^/a/(.*)$', '/$1'] },
      '/a/x%0Dy%25',
      '/x%0Dy%25',
    ],
    ['a path gets its slash', { regex_uri: ['^/(.*)$', '$1'] }, '/ab', '/ab'],
    ['uri precedes regex_uri', { uri: '/u', regex_uri: ['^/', '/r'] }, '/x', '/u'],
    [
      'other attributes normalise the path',
      { method: 'POST' },
      '/%68i%3f0=7%26a%20',
      '/hi%3F0=7&a%20',
    ],
    ['unsafe: as received', unsafe, '/print%5Furi//x?q=%41', '/print%5Furi//x?q=%41'],
    ['unsafe: a fixed path', { ...unsafe, uri: '/n' }, '/o?a=1?b=2', '/n?a=1?b=2'],
    ['unsafe: queries are merged', { ...unsafe, uri: '/n?x=1' }, '/o?q=z', '/n?x=1&q=z'],
    [
      'unsafe: nothing ends the request line',
      { ...unsafe, uri: '$uri' },
      '/a%0d%0a%20b',
      '/a%0D%0A%20b',
    ],
    [
      'unsafe: a pattern sees the query',
      { ...unsafe, regex_uri: ['^/a(.*)$', '/b$1'] },
      '/a%41?c=/a',
      '/b%41?c=/a',
    ],
  ]
  for (const [name, config, target, expected] of cases) {
    test(name, () => assert.equal(rewrite(config, { target }).forwardTarget, expected))
  }

  test('method and host', () => {
    const { method, forwardHost } = rewrite({ method: 'PATCH', host: 'n.example:6443' })
    assert.deepEqual([method, forwardHost], ['PATCH', 'n.example:6443'])
  })
})

suite('proxy-rewrite: headers', () => {
  const received = ['X-Test', 'sssss', 'x-test', 'bbb', 'Hello', 'x', 'X-Src', 'from-src']
  const cases: [string, object, string[]][] = [
    ['flat: set', { 'x-test': 1 }, ['X-Test', '1', 'Hello', 'x', 'X-Src', 'from-src']],
    ['flat: an empty value removes', { 'X-TEST': '', 'x-src': '$arg_none' }, ['Hello', 'x']],
    ['add', { add: { 'X-Test': '123', E: '' } }, [...received, 'X-Test', '123']],
    ['add several', { add: { 'X-M': ['$http_hello', 2] } }, [...received, 'X-M', 'x', 'X-M', '2']],
    [
      'set several',
      { set: { 'X-Test': ['1', '2'] }, remove: ['hello', 'x-src'] },
      ['X-Test', '1', 'X-Test', '2'],
    ],
    [
      'set comes after add, remove last',
      { add: { a: '1', hello: '2' }, set: { a: '3' }, remove: ['Hello', 'X-Test', 'X-SRC'] },
      ['a', '3'],
    ],
  ]
  for (const [name, headers, expected] of cases) {
    test(name, () =>
      assert.deepEqual(rewrite({ headers }, { headers: received }).headers, expected),
    )
  }

  test('captures and variables; a capture is no template', () => {
    const headers = { set: { a: '$1/$2-$http_b', c: 'x$9y', d: '\\$1', e: ['cap-$1', '$arg_q'] } }
    const config = { regex_uri: ['^/t/([^/]+)/(.*)', '/x'], headers }
    const facts = { target: '/t/$remote_addr/z%0DEvil:1?q=v', headers: ['B', 'b'] }
    const { headers: sent } = rewrite(config, facts)
    assert.deepEqual(sent, [
      'B',
      'b',
      'a',
      '$remote_addr/zEvil:1-b',
      'c',
      'xy',
      'd',
      '\\$1',
      'e',
      'cap-$remote_addr',
      'e',
      'v',
    ])
  })

  test('captures are empty without a match', () => {
    const config = { regex_uri: ['^/t/(.*)', '/x'], headers: { a: '<$1>' } }
    assert.deepEqual(rewrite(config, { target: '/other' }).headers, ['a', '<>'])
  })

  test('a forwarding field is removed for good', () => {
    const { headers } = rewrite({ headers: { remove: ['X-Forwarded-Host'] } })
    assert.deepEqual(headers, ['X-Forwarded-Host', ''])
  })
})

suite('proxy-rewrite: refusals', () => {
  const cases: [string, Record<string, unknown>, RegExp][] = [
    ['nothing', {}, /nothing to rewrite/],
    ['half a pair', { regex_uri: ['^/a', '/b', '^/c'] }, /should be an even number/],
    ['a bad pattern', { regex_uri: ['[^/test/(.*)', '/$1'] }, /invalid regex_uri/],
    [
      'a bad replacement',
      { regex_uri: ['^/test/(.*)', '/$`1'] },
      /invalid capturing variable name found/,
    ],
    ['a bad name', { headers: { 'X Y': 'v' } }, /invalid field character/],
    ['a bad value', { headers: { 'X-A': 'v\r\n' } }, /invalid value character/],
    ['Host', { headers: { set: { Host: 'x' } } }, /Host is set by the gateway itself/],
    ['framing', { headers: { add: { 'Content-Length': 1 } } }, /set by the gateway itself/],
    [
      'removal of framing',
      { headers: { remove: ['transfer-encoding'] } },
      /set by the gateway itself/,
    ],
  ]
  for (const [name, config, reason] of cases) {
    test(name, () => assert.throws(() => configure(proxyRewrite, config), reason))
  }
})
