import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { type Parsed, parsePieces } from './parse-bytes.ts'

// What a stream means must not depend on where the network cut it.

const LIMITS = {
  maxHeaderBytes: 160,
  maxHeaders: 5,
  maxUrlBytes: 24,
  maxBodyBytes: 40,
  maxTrailerBytes: 24,
  maxChunkExtensionBytes: 12,
}

const STREAMS = [
  'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  '\r\nGET /a?b HTTP/1.1\r\nHost: a\r\nA: \t b c \r\nB:\r\n\r\nGET / HTTP/1.0\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloPOST / HTTP/1.1\r\nHost: b\r\nContent-Length: 0\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x="\\"y"\r\nabc\r\n0A\r\n0123456789\r\n0\r\nT: u\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET http://a.b/c HTTP/1.1\r\nHost: A.b\r\n\r\nGET / HTTP/2.0\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: a\r\nA: b\nC: d\r\n\r\n',
  'GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\nHost: a\r\n\r\n',
  `GET / HTTP/1.1\r\nHost: a\r\nA: ${'b'.repeat(160)}\r\n\r\n`,
  'GET / HTTP/1.1\r\nHost: a\r\nA:b\r\nA:b\r\nA:b\r\nA:b\r\nA:b\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;aaaaaaaaaaaaaaaa\r\nx\r\n0\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nT: uuuuuuuuuuuuuuuuuuuuuuu\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nHost: u\r\n\r\n',
]

/** Without the data that were delivered before a fault: how much depends on timing, and nobody may use it. */
function meaning(parsed: Parsed) {
  const requests = parsed.requests.map((r) => (r.complete ? r : { ...r, body: undefined }))
  return { ...parsed, requests }
}

function cutAt(bytes: Buffer, positions: readonly number[]): Buffer[] {
  const cuts = [...new Set([0, ...positions, bytes.length])].sort((a, b) => a - b)
  return cuts.slice(1).map((end, i) => bytes.subarray(cuts[i], end))
}

function assertSameMeaning(bytes: Buffer, positions: readonly number[]): void {
  const whole = meaning(parsePieces([bytes], LIMITS))
  const pieces = meaning(parsePieces(cutAt(bytes, positions), LIMITS))
  assert.deepEqual(pieces, whole, JSON.stringify(bytes.toString('latin1')))
}

suite('input cut anywhere', () => {
  for (const stream of STREAMS) {
    const bytes = Buffer.from(stream, 'latin1')
    test(`means the same: ${JSON.stringify(stream.slice(0, 60))}`, () => {
      for (let i = 1; i < bytes.length; i++) assertSameMeaning(bytes, [i])
      assertSameMeaning(
        bytes,
        Array.from(bytes, (_, i) => i),
      )
    })
  }

  test('means the same for mutated streams in random pieces', () => {
    const edit = fc.record({
      at: fc.nat(300),
      remove: fc.nat(3),
      insert: fc.constantFrom(
        '',
        '\r',
        '\n',
        '\r\n',
        ' ',
        '\t',
        ':',
        ';',
        '0',
        'a',
        '\0',
        '\xff',
        '_',
      ),
    })
    const property = fc.property(
      fc.constantFrom(...STREAMS),
      fc.array(edit, { maxLength: 3 }),
      fc.array(fc.nat(400), { maxLength: 6 }),
      (stream, edits, positions) => {
        let text = stream
        for (const { at, remove, insert } of edits) {
          const i = at % text.length
          text = text.slice(0, i) + insert + text.slice(i + remove)
        }
        const bytes = Buffer.from(text, 'latin1')
        const inside = positions.filter((position) => position < bytes.length)
        assertSameMeaning(bytes, inside)
      },
    )
    fc.assert(property, { numRuns: 3_000 })
  })
})
