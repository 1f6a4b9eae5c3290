import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import type { RawHeaders } from '../../src/model/http-message.ts'
import fileLogger from '../../src/plugins/file-logger.ts'
import { drainLogs } from '../../src/plugins/logging/pending-logs.ts'
import { VERSION } from '../../src/support/version.ts'
import {
  configure,
  createRequest,
  filterResponse,
  type RequestFacts,
} from '../helpers/plugin-harness.ts'

type Json = Record<string, unknown>

interface Exchange {
  config?: Json
  metadata?: Json
  request?: RequestFacts
  response?: { status?: number; headers?: RawHeaders; body?: string | Buffer }
}

/** The entry that a request leaves in the file; undefined = none. */
// biome-ignore lint/suspicious/noExplicitAny: read field by field
async function entryOf(t: TestContext, exchange: Exchange): Promise<any> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-logger-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const path = join(folder, 'a.log')
  const { config = {}, metadata = {}, request: facts = {}, response } = exchange
  const instance = configure(fileLogger, { path, ...config }, { metadata: () => metadata })
  const request = createRequest(facts)
  await instance.access?.(request)
  request.body?.start({ onData: () => true, onEnd() {}, onError() {} })
  if (response !== undefined) {
    Object.assign(request.exchange, { status: response.status ?? 200 })
    await filterResponse(instance, request, response)
  }
  instance.log?.(request)
  await drainLogs(5_000)
  const text = await readFile(path, 'utf8').catch(() => '')
  instance.stop?.()
  return text === '' ? undefined : JSON.parse(text)
}

suite('file-logger', () => {
  test('the default entry', async (t) => {
    const entry = await entryOf(t, {
      request: {
        method: 'POST',
        target: '/a%20b?x=1&y=2&x=3',
        headers: ['Host', 'a.com', 'X-A', '1', 'x-a', '2', 'Cookie', 's=1', 'apikey', 'k'],
      },
      response: { status: 201, body: 'made' },
    })
    const { latency, apisix_latency: own, start_time: start, ...rest } = entry
    assert.ok(latency >= own && Math.abs(start - Date.now()) < 60_000)
    assert.deepEqual(rest, {
      request: {
        url: 'http://a.com:9080/a b?x=1&y=2&x=3',
        uri: '/a b?x=1&y=2&x=3',
        method: 'POST',
        headers: { host: 'a.com', 'x-a': ['1', '2'], cookie: '***', apikey: '***' },
        querystring: { x: ['1', '3'], y: '2' },
        size: 0,
      },
      response: { status: 201, headers: {}, size: 0 },
      server: { hostname: hostname(), version: VERSION },
      service_id: '',
      route_id: 'r1',
      client_ip: '192.0.2.1',
    })
  })

  const body = 'hello world'
  const post = { method: 'POST', target: '/?log=yes', body }
  const cases: { name: string; exchange: Exchange; request?: string; response?: string }[] = [
    { name: 'no bodies by default', exchange: { request: post, response: { body } } },
    {
      name: 'both bodies',
      exchange: {
        config: { include_req_body: true, include_resp_body: true },
        request: post,
        response: { body: 'answer' },
      },
      request: body,
      response: 'answer',
    },
    {
      name: 'bodies cut off',
      exchange: {
        config: {
          include_req_body: true,
          include_resp_body: true,
          max_req_body_bytes: 5,
          max_resp_body_bytes: 3,
        },
        request: post,
        response: { body: 'answer' },
      },
      request: 'hello',
      response: 'ans',
    },
    {
      name: 'conditions that hold',
      exchange: {
        config: {
          include_req_body: true,
          include_req_body_expr: [['arg_log', '==', 'yes']],
          include_resp_body: true,
          include_resp_body_expr: [['status', '==', 500]],
        },
        request: post,
        response: { status: 500, body: 'oops' },
      },
      request: body,
      response: 'oops',
    },
    {
      name: 'conditions that do not',
      exchange: {
        config: {
          include_req_body: true,
          include_req_body_expr: [['arg_log', '==', 'no']],
          include_resp_body: true,
          include_resp_body_expr: [['status', '==', 500]],
        },
        request: post,
        response: { body: 'fine' },
      },
    },
    {
      name: 'a condition on the body',
      exchange: {
        config: { include_req_body: true, include_req_body_expr: [['post_arg_a', '==', '1']] },
        request: {
          ...post,
          body: 'a=1',
          headers: ['content-type', 'application/x-www-form-urlencoded', 'content-length', '3'],
        },
      },
      request: 'a=1',
    },
    {
      name: 'a gzip body',
      exchange: {
        config: { include_resp_body: true },
        response: { headers: ['Content-Encoding', 'gzip'], body: gzipSync('plain') },
      },
      response: 'plain',
    },
    {
      name: 'a br body',
      exchange: {
        config: { include_resp_body: true },
        response: { headers: ['content-encoding', 'br'], body: brotliCompressSync('plain') },
      },
      response: 'plain',
    },
    {
      name: 'what only says it is gzip',
      exchange: {
        config: { include_resp_body: true },
        response: { headers: ['content-encoding', 'gzip'], body: 'not gzip' },
      },
      response: 'not gzip',
    },
  ]
  for (const { name, exchange, request, response } of cases) {
    test(`bodies: ${name}`, async (t) => {
      const entry = await entryOf(t, exchange)
      assert.deepEqual([entry.request.body, entry.response.body], [request, response])
    })
  }

  test('a small body that holds a large one does not get large', async (t) => {
    const bomb = gzipSync(Buffer.alloc(32 * 1024 * 1024))
    const config = { include_resp_body: true, max_resp_body_bytes: 100_000 }
    const response = { headers: ['content-encoding', 'gzip'], body: bomb }
    const entry = await entryOf(t, { config, response })
    assert.ok(entry.response.body.length <= 100_000)
  })

  test('a format of its own, before that of the metadata', async (t) => {
    const metadata = { log_format: { from: 'metadata' } }
    const own = await entryOf(t, {
      config: { log_format: { host: '$host', from: 'own' } },
      metadata,
    })
    assert.deepEqual(own, { host: 'example.com', from: 'own', route_id: 'r1' })
    const shared = await entryOf(t, { metadata })
    assert.deepEqual(shared, { from: 'metadata', route_id: 'r1' })
  })

  test('$request_body in a format', async (t) => {
    const config = { log_format: { body: '$request_body' }, max_req_body_bytes: 5 }
    const entry = await entryOf(t, { config, request: post })
    assert.deepEqual(entry, { body: 'hello', route_id: 'r1' })
  })

  test('extra fields stand beside the default ones, never in their place', async (t) => {
    const config = { log_format_extra: { who: '$arg_log', route_id: 'mine' } }
    const entry = await entryOf(t, { config, request: post })
    assert.deepEqual([entry.who, entry.route_id, entry.request.method], ['yes', 'r1', 'POST'])
  })

  test('a metadata format that is too deep is not used', async (t) => {
    const log_format = { a: { b: { c: { d: { e: { f: 1 } } } } } }
    const entry = await entryOf(t, { metadata: { log_format } })
    assert.equal(entry.request.method, 'GET')
  })

  test('match: one of the lists must hold', async (t) => {
    const match = [[['arg_log', '==', 'no']], [['arg_log', '==', 'yes']]]
    assert.notEqual(await entryOf(t, { config: { match }, request: post }), undefined)
    assert.equal(await entryOf(t, { config: { match: [match[0]] }, request: post }), undefined)
    assert.equal(await entryOf(t, { config: { match: [] }, request: post }), undefined)
  })

  const refused: { name: string; config: Json; message: RegExp }[] = [
    {
      name: 'match',
      config: { match: [['arg_a', '==', '1']] },
      message: /'match' expression: rule should be wrapped/,
    },
    {
      name: 'include_req_body_expr',
      config: { include_req_body_expr: [['a', '<>', 1]] },
      message: /'include_req_body_expr' expression/,
    },
    {
      name: 'include_resp_body_expr',
      config: { include_resp_body_expr: [['a', '<>', 1]] },
      message: /'include_resp_body_expr' expression/,
    },
  ]
  for (const { name, config, message } of refused) {
    test(`refuses a bad ${name}`, () => {
      assert.throws(() => configure(fileLogger, { path: '/dev/null', ...config }), message)
    })
  }

  test('without a path nothing is written, and nothing fails', () => {
    const instance = configure(fileLogger, {})
    assert.doesNotThrow(() => instance.log?.(createRequest()))
  })
})
