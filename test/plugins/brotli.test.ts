import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { brotliDecompressSync, createBrotliDecompress } from 'node:zlib'
import brotli from '../../src/plugins/brotli.ts'
import gzip from '../../src/plugins/gzip.ts'
import { MutableHead } from '../../src/worker/plugins/reply-head.ts'
import { configure, createRequest, filterResponse } from '../helpers/plugin-harness.ts'

const TEXT = 'some text to compress. '.repeat(100)
const HEADERS = ['Content-Type', 'text/html']
const ACCEPTS = ['Accept-Encoding', 'gzip, br']

suite('brotli', () => {
  const configs: Record<string, unknown>[] = [
    {},
    { comp_level: 0, mode: 1 },
    { comp_level: 11, mode: 2, lgwin: 10, lgblock: 16 },
    { lgwin: 0, lgblock: 24 },
  ]
  for (const config of configs) {
    test(`compresses small and large with ${JSON.stringify(config)}`, async () => {
      for (const size of [20, 2_048, 2_049, 70_000]) {
        const body = TEXT.repeat(31).slice(0, size)
        const small = createRequest({ headers: ACCEPTS })
        const packed = await filterResponse(configure(brotli, config), small, {
          headers: HEADERS,
          body,
        })
        assert.equal(brotliDecompressSync(packed.body).toString(), body)
      }
      const request = createRequest({ headers: ACCEPTS })
      const answer = await filterResponse(configure(brotli, config), request, {
        headers: [...HEADERS, 'ETag', '"a"'],
        body: TEXT,
      })
      assert.deepEqual(answer.headers.slice(2), ['ETag', 'W/"a"', 'Content-Encoding', 'br'])
      assert.ok(answer.body.length < TEXT.length / 5)
      assert.equal(brotliDecompressSync(answer.body).toString(), TEXT)
    })
  }

  test('any status but those without a whole body', async () => {
    const expected = { 200: true, 201: true, 500: true, 204: false, 206: false, 304: false }
    for (const [status, compressed] of Object.entries(expected)) {
      const request = createRequest({ headers: ['Accept-Encoding', '*'] })
      const answer = { status: Number(status), headers: HEADERS, body: TEXT }
      const { headers } = await filterResponse(configure(brotli, {}), request, answer)
      assert.equal(headers.includes('br'), compressed, status)
    }
  })

  test('gzip leaves alone what brotli has', () => {
    const head = new MutableHead(200, '', [...HEADERS], undefined, true)
    const request = createRequest({ headers: ACCEPTS })
    const first = configure(brotli, {}).encodeBody?.(request, head)
    assert.ok(first)
    assert.equal(configure(gzip, {}).encodeBody?.(request, head), undefined)
    first.stop?.()
  })

  test('without a length each piece can be read when it is there', async () => {
    const head = new MutableHead(200, '', [...HEADERS], undefined, true)
    const filter = configure(brotli, {}).encodeBody?.(createRequest({ headers: ACCEPTS }), head)
    assert.ok(filter)
    const reader = createBrotliDecompress()
    for (const event of ['data: 1\n\n', 'data: 2\n\n']) {
      reader.write(await filter.transform(Buffer.from(event)))
      const [read] = await Promise.all([new Promise((resolve) => reader.once('data', resolve))])
      assert.equal(String(read), event)
    }
    reader.end(await filter.flush?.())
  })
})
