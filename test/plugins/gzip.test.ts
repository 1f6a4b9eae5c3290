import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createGunzip, gunzipSync } from 'node:zlib'
import gzip from '../../src/plugins/gzip.ts'
import { MutableHead } from '../../src/worker/plugins/reply-head.ts'
import {
  configure,
  createRequest,
  filterResponse,
  type RequestFacts,
} from '../helpers/plugin-harness.ts'

const TEXT = 'some text to compress. '.repeat(100)
const ACCEPTS = ['Accept-Encoding', 'gzip, deflate']

function compress(
  config: Record<string, unknown>,
  response: Parameters<typeof filterResponse>[2] = {},
  facts: RequestFacts = {},
): ReturnType<typeof filterResponse> {
  const request = createRequest({ headers: ACCEPTS, ...facts })
  const answer = { headers: ['Content-Type', 'text/html'], body: TEXT, ...response }
  return filterResponse(configure(gzip, config), request, answer)
}

suite('gzip', () => {
  test('compresses, and says so', async () => {
    const headers = [
      'Content-Type',
      'Text/HTML; charset=utf-8',
      'ETag',
      '"a"',
      'Accept-Ranges',
      'bytes',
    ]
    const answer = await compress({}, { headers })
    assert.deepEqual(answer.headers, [
      'Content-Type',
      'Text/HTML; charset=utf-8',
      'ETag',
      'W/"a"',
      'Content-Encoding',
      'gzip',
    ])
    assert.ok(answer.body.length < TEXT.length / 5)
    assert.equal(gunzipSync(answer.body).toString(), TEXT)
  })

  for (const size of [20, 4_096, 4_097, 70_000]) {
    test(`compresses ${size} bytes`, async () => {
      const text = TEXT.repeat(31).slice(0, size)
      assert.equal(gunzipSync((await compress({}, { body: text })).body).toString(), text)
    })
  }

  test('a weak ETag stays, one without quotes goes', async () => {
    const headers = ['Content-Type', 'text/html', 'ETag']
    const weak = await compress({}, { headers: [...headers, 'W/"a"'] })
    assert.ok(weak.headers.includes('W/"a"'))
    const odd = await compress({}, { headers: [...headers, 'a'] })
    assert.equal(odd.headers.includes('ETag'), false)
  })

  const type = (value: string, ...more: string[]) => ({ headers: ['Content-Type', value, ...more] })
  const html = (...more: string[]) => type('text/html', ...more)
  const cases: [string, boolean, Record<string, unknown>, object, RequestFacts?][] = [
    ['another type', false, {}, type('text/plain')],
    ['a configured type', true, { types: ['text/plain'] }, type('text/plain')],
    ['no longer HTML', false, { types: ['text/plain'] }, html()],
    ['any type', true, { types: '*' }, type('a/b')],
    ['no type', false, { types: '*' }, { headers: [] }],
    ['a body that is too short', false, { min_length: 3_000 }, {}],
    ['a body that is just long enough', true, { min_length: 2_300 }, {}],
    ['a body of 19 bytes', false, {}, { body: 'x'.repeat(19) }],
    ['a body of 20 bytes', true, {}, { body: 'x'.repeat(20) }],
    ['an encoded body', false, {}, html('Content-Encoding', 'br')],
    ['a part', false, {}, html('Content-Range', 'bytes 0-1/2')],
    ['what may not be changed', false, {}, html('Cache-Control', 'public, No-Transform')],
    ['a 404', true, {}, { status: 404 }],
    ['a 500', false, {}, { status: 500 }],
    ['a 206', false, {}, { status: 206 }],
    ['a HEAD', false, {}, {}, { method: 'HEAD' }],
    ['a client without gzip', false, {}, {}, { headers: [] }],
    ['a client that refuses it', false, {}, {}, { headers: ['Accept-Encoding', 'gzip;q=0'] }],
  ]
  for (const [name, expected, config, response, facts] of cases) {
    test(`${name}: ${expected ? 'compressed' : 'as it is'}`, async () => {
      const { headers, body } = await compress(config, response, facts)
      assert.equal(headers.includes('gzip'), expected)
      assert.equal(body.subarray(0, 2).toString('hex') === '1f8b', expected)
    })
  }

  test('HTTP/1.0 only if configured', async () => {
    for (const [version, expected] of [
      [1.1, false],
      [1, true],
    ] as const) {
      const request = createRequest({ headers: ACCEPTS })
      Object.assign(request.exchange, { httpVersion: '1.0' })
      const response = { headers: ['Content-Type', 'text/html'], body: TEXT }
      const instance = configure(gzip, { http_version: version })
      const { headers } = await filterResponse(instance, request, response)
      assert.equal(headers.includes('gzip'), expected)
    }
  })

  test('Vary stands on both variants, once', async () => {
    const varied = await compress({ vary: true }, {}, { headers: [] })
    assert.deepEqual(varied.headers.slice(-2), ['Vary', 'Accept-Encoding'])
    const headers = ['Content-Type', 'text/html', 'Vary', 'Cookie, accept-encoding']
    const { headers: kept } = await compress({ vary: true }, { headers })
    assert.equal(kept.filter((name) => name === 'Vary').length, 1)
  })

  test('without a length each piece can be read when it is there', async () => {
    const head = new MutableHead(200, '', ['Content-Type', 'text/html'], undefined, true)
    const filter = configure(gzip, {}).encodeBody?.(createRequest({ headers: ACCEPTS }), head)
    assert.ok(filter)
    const reader = createGunzip()
    for (const event of ['data: 1\n\n', 'data: 2\n\n', `data: ${TEXT}\n\n`]) {
      reader.write(await filter.transform(Buffer.from(event)))
      let read = ''
      for await (const piece of reader.iterator({ destroyOnReturn: false })) {
        read += piece
        if (read.length >= event.length) break
      }
      assert.equal(read, event)
    }
    reader.end(await filter.flush?.())
    reader.resume()
  })

  test('pieces of a known length make one body; so many bytes are held at most', async () => {
    const pieces = Array.from({ length: 64 }, (_, i) => Buffer.from(`${i}${TEXT}`.slice(0, 1_000)))
    for (const buffers of [
      { number: 1, size: 1 },
      { number: 4, size: 1_000 },
      { number: 32, size: 64 },
    ]) {
      const head = new MutableHead(200, '', ['Content-Type', 'text/html'], 64_000, true)
      const filter = configure(gzip, { buffers }).encodeBody?.(
        createRequest({ headers: ACCEPTS }),
        head,
      )
      const made: Buffer[] = []
      let held = 0
      for (const piece of pieces) {
        const output = await filter?.transform(piece)
        held = output === undefined ? held + piece.length : 0
        assert.ok(held <= Math.max(buffers.number * buffers.size, 0))
        made.push(output ?? Buffer.alloc(0))
      }
      made.push((await filter?.flush?.()) ?? Buffer.alloc(0))
      assert.equal(gunzipSync(Buffer.concat(made)).toString(), Buffer.concat(pieces).toString())
    }
  })

  test('a body that is cut short leaves nothing behind', async () => {
    const head = new MutableHead(200, '', ['Content-Type', 'text/html'], undefined, true)
    const filter = configure(gzip, {}).encodeBody?.(createRequest({ headers: ACCEPTS }), head)
    const pending = filter?.transform(Buffer.from(TEXT))
    filter?.stop?.()
    await Promise.resolve(pending).catch(() => undefined)
    await assert.rejects(async () => filter?.transform(Buffer.from(TEXT)), /destroyed/)
  })
})
