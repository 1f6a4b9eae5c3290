import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ChunkedDecoder } from '../../src/http/chunked-decoder.ts'
import { DEFAULT_HTTP_LIMITS, type HttpLimits } from '../../src/http/limits.ts'

function decode(text: string, limits: Partial<HttpLimits> = {}) {
  const decoder = new ChunkedDecoder({ ...DEFAULT_HTTP_LIMITS, ...limits })
  const bytes = Buffer.from(text, 'latin1')
  const used = decoder.decode(bytes, 0)
  const body = bytes.toString('latin1', decoder.dataStart, decoder.dataEnd)
  const { done, refusal, trailers } = decoder
  return { body, done, status: refusal?.status, trailers, rest: text.slice(used) }
}

suite('chunked bodies', () => {
  const accepted = [
    { name: 'no data', text: '0\r\n\r\n', body: '' },
    { name: 'one chunk', text: '3\r\nabc\r\n0\r\n\r\n', body: 'abc' },
    {
      name: 'many one-byte chunks',
      text: `${'1\r\nx\r\n'.repeat(999)}0\r\n\r\n`,
      body: 'x'.repeat(999),
    },
    {
      name: 'hexadecimal sizes',
      text: `1F\r\n${'a'.repeat(31)}\r\na\r\n0123456789\r\n0\r\n\r\n`,
      body: `${'a'.repeat(31)}0123456789`,
    },
    { name: 'leading zeros', text: '003\r\nabc\r\n000\r\n\r\n', body: 'abc' },
    {
      name: 'chunks longer than a short copy',
      text: `28\r\n${'a'.repeat(40)}\r\n29\r\n${'b'.repeat(41)}\r\n0\r\n\r\n`,
      body: 'a'.repeat(40) + 'b'.repeat(41),
    },
    { name: 'extensions', text: '3;a;b=c;d="e;\\"f"\r\nabc\r\n0;x\r\n\r\n', body: 'abc' },
    { name: 'data that look like framing', text: '5\r\n0\r\n\r\n\r\n0\r\n\r\n', body: '0\r\n\r\n' },
  ]
  for (const { name, text, body } of accepted) {
    test(`accepts ${name}`, () => {
      const decoded = decode(text)
      assert.equal(decoded.status, undefined)
      assert.deepEqual([decoded.done, decoded.body], [true, body])
    })
  }

  const refused = [
    { text: '\r\n', status: 400 },
    { text: ' 3\r\n', status: 400 },
    { text: '3 \r\n', status: 400 },
    { text: '0x3\r\n', status: 400 },
    { text: '+3\r\n', status: 400 },
    { text: '-3\r\n', status: 400 },
    { text: 'g\r\n', status: 400 },
    { text: ';a\r\n', status: 400 },
    { text: '3\nabc', status: 400 },
    { text: '3\rabc', status: 400 },
    { text: '3\r\nabcd', status: 400 },
    { text: '3\r\nabc\n', status: 400 },
    { text: '3\r\nabc\rx', status: 400 },
    { text: '3\r\nabc0\r\n', status: 400 },
    { text: '3;\r\n', status: 400 },
    { text: '3;a=\r\n', status: 400 },
    { text: '3;a\n', status: 400 },
    { text: '3;a="b\r\n', status: 400 },
    { text: '3; a\r\n', status: 400 },
    { text: '1000000000000000\r\n', status: 400 },
    { text: '20000000000000\r\n', status: 400 },
    { text: 'ffffffffffffffff\r\n', status: 400 },
    { text: '0\r\nA : b\r\n\r\n', status: 400 },
    { text: '0\r\n A: b\r\n\r\n', status: 400 },
    { text: '0\r\nContent-Length: 3\r\n\r\n', status: 400 },
    { text: '0\r\ntransfer-encoding: chunked\r\n\r\n', status: 400 },
    { text: '0\r\nHost: b\r\n\r\n', status: 400 },
    { text: '0\r\nX-Forwarded-For: b\r\n\r\n', status: 400 },
    { text: '0\r\n\n', status: 400 },
    { text: '0\r\n\rx', status: 400 },
    { text: `0\r\nA: ${'b'.repeat(8192)}\r\n\r\n`, status: 431 },
    { text: `0\r\n${'A: b\r\n'.repeat(101)}\r\n`, status: 431 },
    { text: `1;a=${'b'.repeat(16_384)}\r\n`, status: 400 },
  ]
  for (const { text, status } of refused) {
    test(`refuses ${JSON.stringify(text.slice(0, 40))}`, () =>
      assert.equal(decode(text).status, status))
  }

  test('stops after the last chunk', () => {
    assert.equal(decode('1\r\nx\r\n0\r\n\r\nGET /').rest, 'GET /')
  })

  test('keeps trailers', () => {
    const { trailers } = decode('0\r\nA: b\r\nC:d \r\n\r\n')
    assert.deepEqual(trailers, ['A', 'b', 'C', 'd'])
  })

  test('counts the extensions of all chunks together', () => {
    const chunk = '1;aaaaaaaaa\r\nx\r\n'
    const limits = { maxChunkExtensionBytes: 90 }
    assert.equal(decode(chunk.repeat(10), limits).status, undefined)
    assert.equal(decode(chunk.repeat(11), limits).status, 400)
  })
})
