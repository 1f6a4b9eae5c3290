import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { HttpLimits } from '../../src/http/limits.ts'
import { parseText } from './parse-bytes.ts'

const HOST = 'Host: a.example\r\n'

function statusOf(text: string, limits?: Partial<HttpLimits>): number | undefined {
  return parseText(text, limits).refusal?.status
}

suite('request line', () => {
  const accepted = [
    { line: 'GET / HTTP/1.1', target: '/' },
    { line: 'get / HTTP/1.1', target: '/' },
    { line: 'M-SEARCH /x HTTP/1.1', target: '/x' },
    {
      line: 'GET /a/%2e%2e/b?c={"d":[1|2]}&e=^`<> HTTP/1.1',
      target: '/a/%2e%2e/b?c={"d":[1|2]}&e=^`<>',
    },
    { line: 'GET /a?b=\\ HTTP/1.1', target: '/a?b=\\' },
    { line: 'GET // HTTP/1.1', target: '//' },
    { line: 'OPTIONS * HTTP/1.1', target: '*' },
    { line: 'GET http://a.example/x?y HTTP/1.1', target: '/x?y' },
    { line: 'GET HTTP://A.example:80 HTTP/1.1', target: '/' },
    { line: 'GET http://a.example?y HTTP/1.1', target: '/?y' },
    { line: 'OPTIONS http://a.example HTTP/1.1', target: '*' },
    { line: 'GET / HTTP/1.0', target: '/' },
  ]
  for (const { line, target } of accepted) {
    test(`accepts ${line}`, () => {
      const { requests, refusal } = parseText(`${line}\r\n${HOST}\r\n`)
      assert.equal(refusal, undefined)
      assert.equal(requests[0]?.target, target)
    })
  }

  const refused = [
    { line: 'GET  / HTTP/1.1', status: 400 },
    { line: ' GET / HTTP/1.1', status: 400 },
    { line: 'GET /  HTTP/1.1', status: 400 },
    { line: 'GET / HTTP/1.1 ', status: 400 },
    { line: 'GET\t/ HTTP/1.1', status: 400 },
    { line: 'GET /', status: 400 },
    { line: 'GET', status: 400 },
    { line: 'G(T / HTTP/1.1', status: 400 },
    { line: 'GÉT / HTTP/1.1', status: 400 },
    { line: '\x16\x03\x01\x02', status: 400 },
    { line: 'GET / HTTP/1.10', status: 400 },
    { line: 'GET / http/1.1', status: 400 },
    { line: 'GET / HTTP/11', status: 400 },
    { line: 'GET / HTTP/1,1', status: 400 },
    { line: 'GET / HTTP/x.1', status: 400 },
    { line: 'GET / HTTP/2.0', status: 505 },
    { line: 'GET / HTTP/0.9', status: 505 },
    { line: 'GET / HTTP/1.2', status: 505 },
    { line: 'PRI * HTTP/2.0', status: 505 },
    { line: 'GET /#a HTTP/1.1', status: 400 },
    { line: 'GET /a\x00b HTTP/1.1', status: 400 },
    { line: 'GET /a\x7fb HTTP/1.1', status: 400 },
    { line: 'GET /é HTTP/1.1', status: 400 },
    { line: 'GET /a\\b HTTP/1.1', status: 400 },
    { line: 'GET * HTTP/1.1', status: 400 },
    { line: 'GET a.example HTTP/1.1', status: 400 },
    { line: 'GET a/b HTTP/1.1', status: 400 },
    { line: 'GET ?a HTTP/1.1', status: 400 },
    { line: 'GET ftp://a.example/ HTTP/1.1', status: 400 },
    { line: 'GET http:///x HTTP/1.1', status: 400 },
    { line: 'GET http://u@a.example/ HTTP/1.1', status: 400 },
    { line: 'GET http://b.example/ HTTP/1.1', status: 400 },
    { line: 'GET http://a.example:81/ HTTP/1.1', status: 400 },
    { line: 'GET http://a.example/\\x HTTP/1.1', status: 400 },
    { line: 'CONNECT a.example:443 HTTP/1.1', status: 501 },
    { line: 'CONNECT / HTTP/1.1', status: 501 },
    { line: `${'A'.repeat(33)} / HTTP/1.1`, status: 501 },
    { line: `GET /${'a'.repeat(8192)} HTTP/1.1`, status: 414 },
  ]
  for (const { line, status } of refused) {
    test(`refuses ${JSON.stringify(line.slice(0, 40))} with ${status}`, () => {
      assert.equal(statusOf(`${line}\r\n${HOST}\r\n`), status)
    })
  }

  test('forgives one empty line before a request, not two', () => {
    assert.equal(parseText(`\r\nGET / HTTP/1.1\r\n${HOST}\r\n`).requests.length, 1)
    assert.equal(statusOf(`\r\n\r\nGET / HTTP/1.1\r\n${HOST}\r\n`), 400)
    assert.equal(statusOf(`\nGET / HTTP/1.1\r\n${HOST}\r\n`), 400)
  })

  test('takes a target of exactly the limit', () => {
    const target = `/${'a'.repeat(8191)}`
    assert.equal(parseText(`GET ${target} HTTP/1.1\r\n${HOST}\r\n`).requests[0]?.target, target)
  })
})

suite('fields', () => {
  const accepted: { name: string; field: string; expected: string[] }[] = [
    { name: 'optional white space is cut', field: 'A: \t b c \t ', expected: ['A', 'b c'] },
    { name: 'no white space at all', field: 'A:b', expected: ['A', 'b'] },
    { name: 'an empty value', field: 'A:', expected: ['A', ''] },
    { name: 'a value of white space', field: 'A: \t ', expected: ['A', ''] },
    { name: 'obs-text', field: 'A: \xe9\xff', expected: ['A', '\xe9\xff'] },
    {
      name: 'every token character',
      field: "!#$%&'*+-.^`|~09azAZ: x",
      expected: ["!#$%&'*+-.^`|~09azAZ", 'x'],
    },
    { name: 'a name of Object.prototype', field: 'constructor: 1', expected: ['constructor', '1'] },
    { name: 'quotes and colons in a value', field: 'A: "b": c', expected: ['A', '"b": c'] },
  ]
  for (const { name, field, expected } of accepted) {
    test(`accepts ${name}`, () => {
      const { requests, refusal } = parseText(`GET / HTTP/1.1\r\n${HOST}${field}\r\n\r\n`)
      assert.equal(refusal, undefined)
      assert.deepEqual(requests[0]?.headers.slice(2), expected)
    })
  }

  const refused = [
    'A : b',
    'A\t: b',
    ' A: b',
    '\tA: b',
    'A: b\r\n c',
    'A: b\r\n\tc',
    ': b',
    'A b: c',
    'A',
    'A\r\nB: c',
    'A(: b',
    'A\xe9: b',
    'A\x00: b',
    'A: b\x00c',
    'A: b\x01c',
    'A: b\x7fc',
    'A: b\x0bc',
    'A: b\rc',
    'A: b\nC: d',
    'A: b\n',
    'A_B: c',
    '_: c',
  ]
  for (const field of refused) {
    test(`refuses ${JSON.stringify(field)}`, () => {
      assert.equal(statusOf(`GET / HTTP/1.1\r\n${HOST}${field}\r\n\r\n`), 400)
      assert.equal(statusOf(`GET / HTTP/1.1\r\n${field}\r\n${HOST}\r\n`), 400)
    })
  }

  test('refuses bare line feeds everywhere', () => {
    assert.equal(statusOf(`GET / HTTP/1.1\n${HOST}\r\n`), 400)
    assert.equal(statusOf('GET / HTTP/1.1\r\nHost: a\n\r\n'), 400)
    assert.equal(statusOf(`GET / HTTP/1.1\r\n${HOST}\n`), 400)
  })

  test('handles underscores by policy', () => {
    const text = `GET / HTTP/1.1\r\n${HOST}A_B: 1\r\nC: 2\r\n\r\n`
    const headersUnder = (policy: HttpLimits['underscoresInHeaders']) =>
      parseText(text, { underscoresInHeaders: policy }).requests[0]?.headers.slice(2)
    assert.equal(headersUnder('reject'), undefined)
    assert.deepEqual(headersUnder('drop'), ['C', '2'])
    assert.deepEqual(headersUnder('allow'), ['A_B', '1', 'C', '2'])
  })

  test('counts fields and bytes up to the limit', () => {
    const fields = (n: number) => 'A: b\r\n'.repeat(n)
    assert.equal(statusOf(`GET / HTTP/1.1\r\n${HOST}${fields(99)}\r\n`), undefined)
    assert.equal(statusOf(`GET / HTTP/1.1\r\n${HOST}${fields(100)}\r\n`), 431)
    const dropped = `GET / HTTP/1.1\r\n${HOST}${'A_: b\r\n'.repeat(100)}\r\n`
    assert.equal(statusOf(dropped, { underscoresInHeaders: 'drop' }), 431)
    const head = (n: number) => `GET / HTTP/1.1\r\n${HOST}A: ${'b'.repeat(n)}\r\n\r\n`
    const overhead = head(0).length
    assert.equal(statusOf(head(32_768 - overhead)), undefined)
    assert.equal(statusOf(head(32_769 - overhead)), 431)
  })
})

suite('meaning of a head', () => {
  const accepted = [
    { name: 'a chunked body', fields: 'Transfer-Encoding: chunked', rest: '0\r\n\r\n' },
    { name: 'chunked in any letter case', fields: 'transfer-encoding: ChunKed', rest: '0\r\n\r\n' },
    { name: 'Content-Length 0', fields: 'Content-Length: 0', rest: '' },
    { name: 'Content-Length with leading zeros', fields: 'content-length: 003', rest: 'abc' },
    { name: 'several cookies', fields: 'Cookie: a=b\r\nCookie: c=d', rest: '' },
  ]
  for (const { name, fields, rest } of accepted) {
    test(`accepts ${name}`, () => {
      const { requests, refusal } = parseText(`POST / HTTP/1.1\r\n${HOST}${fields}\r\n\r\n${rest}`)
      assert.equal(refusal, undefined)
      assert.equal(requests[0]?.complete, true)
    })
  }

  const refused = [
    { fields: 'Content-Length: 1\r\nTransfer-Encoding: chunked', status: 400 },
    { fields: 'Transfer-Encoding: chunked\r\nContent-Length: 0', status: 400 },
    { fields: 'Content-Length: 1\r\nContent-Length: 1', status: 400 },
    { fields: 'Content-Length: 1\r\ncontent-length: 2', status: 400 },
    { fields: 'Content-Length: 1, 1', status: 400 },
    { fields: 'Content-Length: +1', status: 400 },
    { fields: 'Content-Length: -1', status: 400 },
    { fields: 'Content-Length: 0x1', status: 400 },
    { fields: 'Content-Length: 1 1', status: 400 },
    { fields: 'Content-Length: 1.0', status: 400 },
    { fields: 'Content-Length:', status: 400 },
    { fields: 'Content-Length: \xb2', status: 400 },
    { fields: 'Content-Length: 9007199254740992', status: 400 },
    { fields: 'Content-Length: 18446744073709551617', status: 400 },
    { fields: 'Transfer-Encoding: identity', status: 400 },
    { fields: 'Transfer-Encoding: gzip, chunked', status: 400 },
    { fields: 'Transfer-Encoding: chunked, chunked', status: 400 },
    { fields: 'Transfer-Encoding: chunked;q=1', status: 400 },
    { fields: 'Transfer-Encoding: xchunked', status: 400 },
    { fields: 'Transfer-Encoding: "chunked"', status: 400 },
    { fields: 'Transfer-Encoding:', status: 400 },
    { fields: 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked', status: 400 },
    { fields: 'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity', status: 400 },
    { fields: 'Authorization: Basic YTpi\r\nauthorization: Basic Yzpk', status: 400 },
    { fields: 'Host: a.example', status: 400 },
    { fields: 'Expect: 200-ok', status: 417 },
  ]
  for (const { fields, status } of refused) {
    test(`refuses ${JSON.stringify(fields)} with ${status}`, () => {
      assert.equal(statusOf(`POST / HTTP/1.1\r\n${HOST}${fields}\r\n\r\n`), status)
    })
  }

  test('refuses Transfer-Encoding in HTTP/1.0', () => {
    assert.equal(statusOf('POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n'), 400)
  })

  test('needs a Host in HTTP/1.1 only', () => {
    assert.equal(statusOf('GET / HTTP/1.1\r\n\r\n'), 400)
    assert.equal(statusOf('GET http://a.example/ HTTP/1.1\r\n\r\n'), 400)
    assert.equal(parseText('GET / HTTP/1.0\r\n\r\n').requests[0]?.authority, '')
    assert.equal(parseText('GET http://a.b/ HTTP/1.0\r\n\r\n').requests[0]?.authority, 'a.b')
  })

  const persistence = [
    { version: '1.1', fields: '', keepAlive: true },
    { version: '1.1', fields: 'Connection: close\r\n', keepAlive: false },
    { version: '1.1', fields: 'Connection: x, CLOSE \r\n', keepAlive: false },
    { version: '1.1', fields: 'Connection: keep-alive\r\nConnection: close\r\n', keepAlive: false },
    { version: '1.0', fields: '', keepAlive: false },
    { version: '1.0', fields: 'Connection: Keep-Alive\r\n', keepAlive: true },
    { version: '1.0', fields: 'Connection: keep-alive, close\r\n', keepAlive: false },
  ]
  for (const { version, fields, keepAlive } of persistence) {
    test(`HTTP/${version} with ${JSON.stringify(fields)} persists: ${keepAlive}`, () => {
      const { requests } = parseText(`GET / HTTP/${version}\r\n${HOST}${fields}\r\n`)
      assert.equal(requests[0]?.keepAlive, keepAlive)
    })
  }

  test('ignores the expectation of an HTTP/1.0 client', () => {
    const head = (version: string) =>
      parseText(`POST / HTTP/${version}\r\n${HOST}Expect: 100-Continue\r\n\r\n`).requests[0]
    assert.equal(head('1.1')?.expectsContinue, true)
    assert.equal(head('1.0')?.expectsContinue, false)
  })
})
