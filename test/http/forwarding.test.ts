import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Exchange } from '../../src/http/exchange.ts'
import {
  addForwarding,
  endToEndHeaders,
  forwardedRequestHeaders,
  responseHeaders,
} from '../../src/http/forwarding.ts'
import { removeField, setField } from '../../src/support/header-fields.ts'

const CONNECTION = {
  remoteAddress: '10.0.0.9',
  remotePort: 4711,
  localAddress: '10.0.0.1',
  localPort: 9080,
  encrypted: false,
}
const OURS = {
  for: ['X-Forwarded-For', '10.0.0.9'],
  proto: ['X-Forwarded-Proto', 'http'],
  host: ['X-Forwarded-Host', 'a.example'],
  port: ['X-Forwarded-Port', '9080'],
  realIp: ['X-Real-IP', '10.0.0.9'],
}
const ALL_OURS = Object.values(OURS).flat()

function forward(headers: string[], { trusted = false, encrypted = false } = {}): string[] {
  const connection = { ...CONNECTION, encrypted }
  const exchange = { headers, connection, authority: 'a.example' } as unknown as Exchange
  return forwardedRequestHeaders(exchange, trusted)
}

suite('request fields for a node', () => {
  const dropped = [
    'Connection',
    'KEEP-ALIVE',
    'Proxy-Connection',
    'proxy-authenticate',
    'Proxy-Authorization',
    'TE',
    'Trailer',
    'Transfer-Encoding',
    'Upgrade',
    'Expect',
    'HTTP2-Settings',
    'Host',
  ]
  for (const name of dropped) {
    test(`drops ${name}`, () => assert.deepEqual(forward([name, 'x']), ALL_OURS))
  }

  test('keeps all others, in order, repeated ones repeated', () => {
    const headers = [
      'Accept',
      '*/*',
      'cookie',
      'a=b',
      'Cookie',
      'c=d',
      'Forwarded',
      'for=1',
      'A',
      '',
    ]
    assert.deepEqual(forward(headers), [...headers, ...ALL_OURS])
  })

  test('drops what Connection names', () => {
    const headers = ['X-A', '1', 'connection', 'x-a , X-B', 'X-B', '2', 'x-c', '3']
    assert.deepEqual(forward(headers), ['x-c', '3', ...ALL_OURS])
  })

  const protectedNames = ['Authorization', 'Content-Length', 'Cookie', 'Content-Type', 'Forwarded']
  for (const name of protectedNames) {
    test(`does not let Connection name ${name}`, () => {
      const headers = ['Connection', `close, ${name}`, name, '1']
      assert.deepEqual(forward(headers), [name, '1', ...ALL_OURS])
    })
  }

  test('does not let Connection name the forwarding fields', () => {
    const names = 'X-Forwarded-For, X-Forwarded-Proto, X-Real-IP'
    const headers = [
      'Connection',
      names,
      'X-Forwarded-For',
      '1.1.1.1',
      'X-Forwarded-Proto',
      'https',
    ]
    assert.deepEqual(forward(headers, { trusted: true }), [
      ...['X-Forwarded-Proto', 'https'],
      ...['X-Forwarded-For', '1.1.1.1, 10.0.0.9'],
      ...[...OURS.host, ...OURS.port, ...OURS.realIp],
    ])
  })

  const claims = [
    ...['x-forwarded-proto', 'https'],
    ...['X-Forwarded-Host', 'evil'],
    ...['X-Forwarded-Port', '1'],
    ...['X-Real-IP', '1.1.1.1'],
    ...['X-Forwarded-For', '1.1.1.1'],
    ...['X-Forwarded-For', '2.2.2.2'],
  ]

  test('overwrites what an untrusted client says of itself', () => {
    const [, ...rest] = Object.values(OURS)
    assert.deepEqual(forward(claims), [
      ...['X-Forwarded-For', '1.1.1.1, 2.2.2.2, 10.0.0.9'],
      ...rest.flat(),
    ])
  })

  test('keeps what a trusted proxy says', () => {
    assert.deepEqual(forward(claims, { trusted: true }), [
      ...claims.slice(0, 8),
      ...['X-Forwarded-For', '1.1.1.1, 2.2.2.2, 10.0.0.9'],
    ])
  })

  test('adds what a trusted proxy left out', () => {
    assert.deepEqual(forward([], { trusted: true }), ALL_OURS)
  })

  test('tells https from http', () => {
    assert.equal(forward([], { encrypted: true })[3], 'https')
  })
})

suite('response fields of a node', () => {
  test('loses what belongs to the connection, and what Connection names', () => {
    const headers = [
      ...['Connection', 'X-Hop, Content-Type'],
      ...['Keep-Alive', 'timeout=5'],
      ...['Transfer-Encoding', 'chunked'],
      ...['Proxy-Authenticate', 'Basic'],
      ...['Upgrade', 'h2c'],
      ...['x-hop', '1'],
      ...['Content-Type', 'text/plain'],
      ...['Set-Cookie', 'a=b'],
      ...['Set-Cookie', 'c=d'],
      ...['Content-Length', '3'],
    ]
    assert.deepEqual(responseHeaders(headers), headers.slice(12))
  })
})

suite('forwarding fields of requests with plugins', () => {
  const received = ['Host', 'x', 'X-Real-IP', '1.1.1.1', 'X-Forwarded-Proto', 'ftp', 'X-A', 'a']

  function throughPlugins(trusted: boolean, change: (headers: string[]) => void): string[] {
    const exchange = {
      headers: received,
      connection: CONNECTION,
      authority: 'x',
    } as unknown as Exchange
    const headers = endToEndHeaders(received)
    change(headers)
    addForwarding(headers, exchange, trusted, '9.9.9.9')
    return headers
  }
  const fieldOf = (headers: string[], name: string) => headers[headers.indexOf(name) + 1]

  test('plugins see what a client says of itself, nodes do not', () => {
    const headers = throughPlugins(false, (seen) => assert.ok(seen.includes('1.1.1.1')))
    assert.equal(fieldOf(headers, 'X-Real-IP'), '9.9.9.9')
    assert.equal(fieldOf(headers, 'X-Forwarded-Proto'), 'http')
    assert.ok(!headers.includes('ftp') && headers.includes('X-A'))
  })

  test('a trusted peer is believed', () => {
    const headers = throughPlugins(true, () => {})
    assert.equal(fieldOf(headers, 'x-REAL-IP'), '1.1.1.1')
    assert.equal(fieldOf(headers, 'x-FORWARDED-Proto'), 'ftp')
  })

  test('what a plugin sets stays', () => {
    const headers = throughPlugins(false, (seen) => {
      setField(seen, 'X-Real-IP', '2.2.2.2')
    })
    assert.equal(fieldOf(headers, 'x-REAL-IP'), '2.2.2.2')
  })

  test('what a plugin sets stays, whatever else the client said', () => {
    const headers = throughPlugins(false, (seen) => {
      setField(seen, 'X-Forwarded-Proto', 'a')
    })
    assert.equal(fieldOf(headers, 'x-FORWARDED-Proto'), 'a')
  })

  test('what a plugin sets anew stays, also if the client said the same', () => {
    const headers = throughPlugins(false, (seen) => {
      removeField(seen, 'x-forwarded-proto')
      seen.push('X-Forwarded-Proto', 'ftp')
    })
    assert.equal(fieldOf(headers, 'X-Forwarded-Proto'), 'ftp')
  })

  test('what a plugin sets to nothing is not sent', () => {
    const headers = throughPlugins(false, (seen) => setField(seen, 'X-Forwarded-Host', ''))
    assert.ok(!headers.some((name) => name.toLowerCase() === 'x-forwarded-host'))
  })
})
