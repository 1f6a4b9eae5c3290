import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { get, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import { test } from 'node:test'
import {
  brotliDecompressSync,
  createBrotliDecompress,
  createGunzip,
  gunzipSync,
  gzipSync,
} from 'node:zlib'
import { startPluginStack } from '../helpers/plugin-stack.ts'

const LINE = 'the quick brown fox jumps over the lazy dog 0123456789\n'
/** More than an inline replacement may have, and than sockets hold. */
const PAGE = LINE.repeat(20_000)

/** Answers to streams that are open. */
const streams: ServerResponse[] = []

const node: RequestListener = (request, response) => {
  const { method, url = '', headers } = request
  if (url.startsWith('/page')) {
    response.setHeader('content-type', 'text/html; charset=utf-8')
    response.setHeader('etag', '"page"')
    response.setHeader('content-length', PAGE.length)
    response.end(PAGE)
  } else if (url.startsWith('/packed')) {
    response.setHeader('content-type', 'text/html')
    response.setHeader('content-encoding', 'gzip')
    response.end(gzipSync(PAGE))
  } else if (url.startsWith('/events')) {
    response.setHeader('content-type', 'text/event-stream')
    response.flushHeaders()
    streams.push(response)
  } else if (url.startsWith('/status')) {
    response.statusCode = 500
    response.end('out of order')
  } else {
    response.setHeader('content-type', 'application/json')
    response.setHeader('last-modified', 'Mon, 05 Jan 2026 00:00:00 GMT')
    request.resume().on('end', () => response.end(JSON.stringify({ method, url, headers })))
  }
}

function open(url: string, headers: Record<string, string>): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(url, { headers, agent: false }, resolve).on('error', reject)
  })
}

async function bytesOf(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

function digest(text: string | Buffer): string {
  return createHash('sha256').update(text).digest('hex')
}

test('transformation plugins in a running gateway', async (t) => {
  const stack = await startPluginStack(t, {}, node)
  const { route, call, refusal, put, gateway, upstream } = stack

  await t.test('proxy-rewrite changes what the node gets', async () => {
    const headers = {
      add: { 'X-Many': ['a', '$1'] },
      set: { 'X-From': '$remote_addr', 'X-Forwarded-Proto': 'https' },
      remove: ['X-Secret', 'X-Forwarded-Host'],
    }
    const config = { regex_uri: ['^/pr/(.*)', '/new/$1?fixed=1'], host: 'node.example', headers }
    await route('pr', { 'proxy-rewrite': { ...config, method: 'PUT' } })
    const sent = {
      'x-secret': 's',
      'x-forwarded-host': 'evil',
      'x-many': 'z',
      'x-forwarded-proto': 'https',
    }
    const { json } = await call('/pr/a%20b%0dX:y?q=%41', { headers: sent })
    assert.deepEqual([json.method, json.url], ['PUT', '/new/a%20b%0DX:y?fixed=1&q=%41'])
    const { host, 'x-many': many, 'x-from': from } = json.headers
    assert.deepEqual([host, many, from], ['node.example', 'z, a, a bX:y', '127.0.0.1'])
    assert.equal(json.headers['x-secret'], undefined)
    assert.equal(json.headers['x-forwarded-host'], undefined)
    assert.equal(json.headers['x-forwarded-proto'], 'https')
  })

  await t.test('a GET that became a HEAD is answered whole', async () => {
    await route('head', { 'proxy-rewrite': { uri: '/page', method: 'HEAD' } })
    const answer = await call('/head/')
    assert.deepEqual([answer.status, answer.headers['content-length'], answer.text], [200, '0', ''])
  })

  await t.test('response-rewrite changes head and body', async () => {
    const headers = { add: ['X-A: $remote_addr'], set: { 'X-B': 1 }, remove: ['content-type'] }
    await route('rr', { 'response-rewrite': { status_code: 203, headers, body: 'new' } })
    const answer = await call('/rr/')
    assert.deepEqual([answer.status, answer.text], [203, 'new'])
    const { 'x-a': a, 'x-b': b, 'content-type': type, 'content-length': length } = answer.headers
    assert.deepEqual([a, b, type, length], ['127.0.0.1', '1', undefined, '3'])
    assert.equal(answer.headers['last-modified'], undefined)
    const vars = [['status', '==', 500]]
    const plugins = {
      'response-rewrite': { vars, body: 'sorry' },
      'proxy-rewrite': { uri: '/$arg_to' },
    }
    await route('rv', plugins)
    assert.equal((await call('/rv/?to=status')).text, 'sorry')
    assert.equal((await call('/rv/?to=else')).json.method, 'GET')
  })

  await t.test(
    'response-rewrite replaces in large and packed bodies, off the event loop',
    async () => {
      const filters = [
        { regex: '(\\w+ )+fox', replace: 'a cat', scope: 'global' },
        { regex: '^a', replace: 'A' },
      ]
      await route('rf', {
        'proxy-rewrite': { uri: '/packed' },
        'response-rewrite': { filters },
      })
      const answer = await call('/rf/')
      assert.equal(answer.headers['content-encoding'], undefined)
      const expected = PAGE.replaceAll('the quick brown fox', 'a cat').replace(/^a/, 'A')
      assert.equal(digest(answer.text), digest(expected))
    },
  )

  await t.test('a body larger than the filters may hold is not passed on', async () => {
    const config = { filters: [{ regex: 'a', replace: 'b' }], max_resp_body_size: 100_000 }
    await route('rl', { 'proxy-rewrite': { uri: '/page' }, 'response-rewrite': config })
    const announced = await call('/rl/')
    assert.deepEqual([announced.status, announced.json], [502, { error_msg: '502 Bad Gateway' }])
    await route('rl', {
      'proxy-rewrite': { uri: '/packed' },
      'response-rewrite': { ...config, max_resp_body_size: 50_000 },
    })
    await assert.rejects(call('/rl/'), /aborted|ECONNRESET|socket hang up/)
  })

  await t.test('redirect sends elsewhere', async () => {
    await route('rd', { redirect: { uri: '/else$uri', append_query_string: true, ret_code: 301 } })
    const moved = await call('/rd/a%0d%0aSet-Cookie:x?b=c')
    assert.deepEqual([moved.status, moved.headers['set-cookie']], [301, undefined])
    assert.equal(moved.headers.location, '/else/rd/a%0D%0ASet-Cookie:x?b=c')
    await put('/plugin_metadata/redirect', { https_port: 9443 })
    await route('rs', { redirect: { http_to_https: true } })
    const secured = await call('/rs/a?b=c', { method: 'POST', headers: { host: 'a.example:9080' } })
    assert.deepEqual(
      [secured.status, secured.headers.location],
      [308, 'https://a.example:9443/rs/a?b=c'],
    )
  })

  await t.test('mocking answers without a node', async () => {
    const properties = { id: { type: 'integer', example: 7 }, name: { type: 'string' } }
    await route('mo', { mocking: { response_status: 201, response_schema: { properties } } })
    const answer = await call('/mo/')
    assert.deepEqual([answer.status, answer.json.id, typeof answer.json.name], [201, 7, 'string'])
    assert.equal(answer.headers['content-type'], 'application/json;charset=utf8')
    assert.match(String(answer.headers['x-mock-by']), /^Holdfast\//)
    const mocking = { content_type: 'text/html', response_example: LINE.repeat(10) }
    await route('mz', { mocking, gzip: {} })
    const packed = await open(`${gateway.url}/mz/`, { 'accept-encoding': 'gzip' })
    assert.equal(gunzipSync(await bytesOf(packed)).toString(), LINE.repeat(10))
  })

  await t.test('echo surrounds the body', async () => {
    const config = { before_body: '<', after_body: '>', headers: { 'X-Echo': 1 } }
    await route('ec', { echo: config })
    const answer = await call('/ec/')
    assert.match(answer.text, /^<\{"method":"GET".*\}>$/)
    assert.equal(answer.headers['x-echo'], '1')
  })

  await t.test(
    'gzip and brotli compress what the other plugins made, as the client likes it',
    async () => {
      await route('co', {
        'proxy-rewrite': { uri: '/page' },
        'response-rewrite': { filters: [{ regex: '^the', replace: 'THE' }] },
        echo: { after_body: 'end' },
        gzip: { vary: true },
        brotli: { vary: true, comp_level: 1 },
      })
      const expected = digest(`THE${PAGE.slice(3)}end`)
      const cases: [string, string | undefined, (bytes: Buffer) => Buffer][] = [
        ['gzip, deflate', 'gzip', gunzipSync],
        ['gzip, br', 'br', brotliDecompressSync],
        ['br;q=0, gzip;q=0.5', 'gzip', gunzipSync],
        ['identity', undefined, (bytes) => bytes],
      ]
      for (const [accepts, coding, decode] of cases) {
        const answer = await open(`${gateway.url}/co/`, { 'accept-encoding': accepts })
        assert.equal(answer.headers['content-encoding'], coding, accepts)
        assert.equal(answer.headers.vary, 'Accept-Encoding')
        assert.equal(answer.headers.etag, undefined)
        assert.equal(digest(decode(await bytesOf(answer))), expected, accepts)
      }
    },
  )

  await t.test(
    'a compressed page keeps a weak ETag; a slow client holds it back, not up',
    async () => {
      await route('cp', { 'proxy-rewrite': { uri: '/page' }, gzip: { comp_level: 9 } })
      const answer = await open(`${gateway.url}/cp/`, { 'accept-encoding': 'gzip' })
      assert.equal(answer.headers.etag, 'W/"page"')
      answer.pause()
      assert.equal((await call('/cp/')).text.length, PAGE.length)
      assert.equal(digest(gunzipSync(await bytesOf(answer))), digest(PAGE))
      assert.equal(
        (await call('/cp/', { method: 'HEAD' })).headers['content-length'],
        `${PAGE.length}`,
      )
    },
  )

  const decoders = { gzip: createGunzip, br: createBrotliDecompress }
  for (const [coding, createDecoder] of Object.entries(decoders)) {
    await t.test(`events arrive one by one through ${coding}`, async () => {
      const name = coding === 'br' ? 'brotli' : 'gzip'
      const plugins = {
        'proxy-rewrite': { uri: '/events' },
        [name]: { types: ['text/event-stream'] },
      }
      await put('/routes/ev', { uri: '/ev', upstream, plugins })
      const answer = await open(`${gateway.url}/ev`, { 'accept-encoding': coding })
      assert.equal(answer.headers['content-encoding'], coding)
      const source = streams.pop()
      const events = answer.pipe(createDecoder())
      for (const event of ['data: 1\n\n', 'data: 2\n\n', 'data: 3\n\n']) {
        source?.write(event)
        const [piece] = await once(events, 'data')
        assert.equal(String(piece), event)
      }
      source?.end()
      assert.equal((await bytesOf(events)).length, 0)
    })
  }

  await t.test('what makes no sense is refused when it is written', async () => {
    const cases: [object, RegExp][] = [
      [{ 'proxy-rewrite': { uri: 'hello' } }, /uri/],
      [{ 'proxy-rewrite': { regex_uri: ['^/a', '/$`1'] } }, /invalid capturing variable name/],
      [{ 'proxy-rewrite': { headers: { 'X-A': 'v\r\n' } } }, /invalid value character in header/],
      [{ 'proxy-rewrite': { uri: '/a', scheme: 'https' } }, /scheme/],
      [{ 'response-rewrite': { status_code: 599 } }, /status_code/],
      [{ 'response-rewrite': { filters: [{ regex: '(', replace: '' }] } }, /validation failed/],
      [{ redirect: { http_to_https: true, uri: '/hello' } }, /exactly one of/],
      [{ mocking: { response_example: '', content_type: 'a/b' } }, /unsupported content type!/],
      [{ echo: { headers: { a: 'b' } } }, /at least one of/],
      [{ gzip: { comp_level: 10 } }, /comp_level/],
      [{ brotli: { lgwin: 9 } }, /lgwin/],
    ]
    for (const [plugins, reason] of cases) {
      assert.match(await refusal('/routes/bad', { uri: '/bad', upstream, plugins }), reason)
    }
  })
})
