import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import type { Socket } from 'node:net'
import { suite, test } from 'node:test'
import { setTimeout as after } from 'node:timers/promises'
import type { PluginInstance, RequestContext } from '../../src/plugins/contract.ts'
import { until } from '../helpers/stack.ts'
import { startRig } from './worker-rig.ts'

const statusOf = (received: string) => Number(received.slice(9, 12))
const bodyOf = (received: string) => received.slice(received.indexOf('\r\n\r\n') + 4)
const access = (phase: (request: RequestContext) => unknown) => (): PluginInstance => ({
  access: phase as NonNullable<PluginInstance['access']>,
})

const echo: RequestListener = (request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const body = Buffer.concat(chunks)
    response.setHeader('x-length', String(request.headers['content-length']))
    response.end(body)
  })
}

const LONG = 'x'.repeat(40_000)

suite('request bodies and plugins', () => {
  const ways: [string, (request: RequestContext) => unknown, string, string][] = [
    ['read', (request) => request.readBody().then(() => undefined), 'ab', 'ab'],
    [
      'read by two at once',
      async (request) => {
        const all = await Promise.all([request.readBody(), request.readBody()])
        assert.equal(all.join(), 'ab,ab')
      },
      'ab',
      'ab',
    ],
    [
      'read, limited and observed after',
      async (request) => {
        await request.readBody()
        request.limitBody(2)
        request.observeBody({ onData() {}, onEnd() {}, onError() {} })
      },
      'ab',
      'ab',
    ],
    ['replaced unread', (request) => request.replaceBody(Buffer.from('cd')), 'ab', 'cd'],
    [
      'replaced while it is read',
      async (request) => {
        const reading = request.readBody()
        request.replaceBody(Buffer.from('cd'))
        await reading
      },
      'ab',
      'cd',
    ],
    ['replaced by nothing', (request) => request.replaceBody(Buffer.alloc(0)), 'ab', ''],
    ['limited to its size', (request) => request.limitBody(2), 'ab', 'ab'],
    [
      'observed twice, limited and read',
      async (request) => {
        const observer = { onData() {}, onEnd() {}, onError() {} }
        request.observeBody(observer)
        request.limitBody(10)
        request.observeBody(observer)
        await request.readBody()
      },
      'ab',
      'ab',
    ],
  ]
  const framings: [string, (body: string) => string][] = [
    ['counted', (body) => `Content-Length: ${body.length}\r\n\r\n${body}`],
    [
      'chunked',
      (body) =>
        `Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    ],
  ]
  test('reach the node whole, however they are framed', async (t) => {
    const rig = await startRig(t, echo)
    for (const [what, phase, sent, expected] of ways) {
      rig.route('r', access(phase))
      for (const [framing, frame] of framings) {
        const head = 'POST /r/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n'
        const received = await rig.talk(head + frame(sent))
        assert.equal(statusOf(received), 200, `${what}, ${framing}: ${received}`)
        assert.match(received, new RegExp(`\r\n\r\n(\\d+\r\n)?${expected}`), `${what}, ${framing}`)
      }
    }
    assert.deepEqual(rig.errors, [])
  })

  test('with Expect: 100-continue, and several on one connection', async (t) => {
    const rig = await startRig(t, echo)
    rig.route(
      'read',
      access((request) => request.readBody().then(() => undefined)),
    )
    rig.route(
      'limit',
      access((request) => request.limitBody(10)),
    )
    rig.route(
      'observe',
      access((request) => request.observeBody({ onData() {}, onEnd() {}, onError() {} })),
    )
    rig.route(
      'replace',
      access((request) => request.replaceBody(Buffer.from('cd'))),
    )
    rig.route(
      'refuse',
      access(() => ({ status: 403, body: 'no' })),
    )
    for (const id of ['read', 'limit', 'observe', 'replace', 'refuse']) {
      const client = await rig.client()
      client.send(
        `POST /${id}/ HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n`,
      )
      await client.until((received) => received.includes('\r\n\r\n'))
      const continues = client.received.startsWith('HTTP/1.1 100')
      assert.equal(continues, !['replace', 'refuse'].includes(id), `${id}: ${client.received}`)
      if (continues) client.send('ab')
      await client.until((received) => /HTTP\/1.1 (200|403)[\s\S]*\r\n\r\n/.test(received))
      assert.match(client.received, id === 'refuse' ? / 403 / : / 200 /)
      // A connection on which a body may or may not follow is not used again.
      if (!continues) assert.match(client.received, /connection: close/i)
      client.socket.destroy()
    }
  })

  test('beyond a limit: 413, however it is found out', async (t) => {
    const rig = await startRig(t, echo)
    const limited: [string, (request: RequestContext) => unknown][] = [
      ['limited', (request) => request.limitBody(10)],
      ['read', (request) => request.readBody(10).then(() => undefined)],
      [
        'limited, then read',
        async (request) => {
          request.limitBody(10)
          await request.readBody()
        },
      ],
      [
        'read by one that does not mind',
        async (request) => {
          await request.readBody(10).catch(() => undefined)
          request.limitBody(10)
        },
      ],
      [
        'read in full, then limited',
        async (request) => {
          await request.readBody()
          request.limitBody(10)
        },
      ],
    ]
    for (const [what, phase] of limited) {
      rig.route('r', access(phase))
      for (const [framing, frame] of framings) {
        const received = await rig.talk(
          `POST /r/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${frame(LONG)}`,
        )
        assert.equal(statusOf(received), 413, `${what}, ${framing}: ${received.slice(0, 300)}`)
      }
    }
    await until(async () => rig.busy() === 0)
  })

  test('that drip in are answered, and cost no more than their size', async (t) => {
    const rig = await startRig(t, echo)
    rig.route(
      'r',
      access((request) => request.readBody().then(() => undefined)),
    )
    const client = await rig.client()
    client.socket.setNoDelay(true)
    client.send('POST /r/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n')
    for (let i = 0; i < 1000; i++) {
      client.send(String(i % 10))
      if (i % 4 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    await client.ended()
    assert.equal(bodyOf(client.received), '0123456789'.repeat(100))
  })

  test('are sent again to another node when they are held, observed or limited', async (t) => {
    const rig = await startRig(t, echo)
    const dead = await startRig(t)
    await dead.node.close()
    const nodes = { [dead.node.address]: 1000, [rig.node.address]: 1 }
    const upstream = { type: 'roundrobin', nodes }
    const seen: string[] = []
    const phases = [
      (request: RequestContext) => request.readBody().then(() => undefined),
      (request: RequestContext) => request.limitBody(10),
      (request: RequestContext) =>
        request.observeBody({
          onData: (chunk) => seen.push(String(chunk)),
          onEnd() {},
          onError() {},
        }),
    ]
    for (const phase of phases) {
      rig.route('r', access(phase), { upstream })
      const received = await rig.talk(
        'POST /r/ HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\nab',
      )
      assert.equal(bodyOf(received), 'ab')
    }
    assert.deepEqual(seen, ['ab'], 'heard once')
  })

  test('a client that leaves in the middle of one is no failure of the node', async (t) => {
    const leave: [status: number, (socket: Socket) => void][] = [
      // As nginx has it: a body that ends early is a bad request.
      [400, (socket) => socket.end()],
      [499, (socket) => socket.resetAndDestroy()],
    ]
    for (const [status, go] of leave) {
      const rig = await startRig(t, echo)
      rig.route('r', () => ({}))
      const client = await rig.client()
      client.send('POST /r/ HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf')
      await until(() => rig.busy() === 1)
      go(client.socket)
      await until(() => rig.engine.pendingRequests === 0 && rig.busy() === 0)
      const { requestsByStatus, upstreamErrors } = rig.stats.report(0, 0, 0)
      assert.deepEqual([requestsByStatus, upstreamErrors], [{ [status]: 1 }, {}])
    }
  })

  test('an answer before the body ends the request for its observer, once', async (t) => {
    const heard: string[] = []
    const rig = await startRig(t, (_, response) => void response.end('early'))
    rig.route(
      'r',
      access((request) =>
        request.observeBody({
          onData() {},
          onEnd: () => heard.push('end'),
          onError: () => heard.push('error'),
        }),
      ),
    )
    const client = await rig.client()
    client.send('POST /r/ HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nab')
    await client.until((received) => received.includes('early'))
    await client.ended()
    await until(async () => heard.length > 0)
    await after(20)
    assert.deepEqual(heard, ['error'])
    await until(async () => rig.busy() === 0)
  })
})

suite('answers and plugins', () => {
  test('without a body: HEAD, 204, 304, through filters and replacements', async (t) => {
    const rig = await startRig(t, (request, response) => {
      const status = Number(request.url?.split('/')[2])
      response.writeHead(status, status === 200 ? { 'content-length': '2' } : {})
      response.end(request.method === 'HEAD' || status !== 200 ? undefined : 'ab')
    })
    const kinds: [string, PluginInstance][] = [
      [
        'filter',
        { bodyFilter: () => ({ transform: (chunk) => chunk, flush: () => Buffer.from('!') }) },
      ],
      [
        'late',
        {
          bodyFilter: () => ({
            transform: async (chunk) => chunk,
            flush: async () => Buffer.from('!'),
          }),
        },
      ],
      ['replace', { headerFilter: (_, head) => head.replaceBody('replaced') }],
      ['own', { access: () => ({ status: 204, body: 'nothing to see' }) }],
    ]
    for (const [kind, instance] of kinds) {
      rig.route('r', () => instance)
      const client = await rig.client()
      const requests = ['HEAD /r/200', 'GET /r/204', 'GET /r/304', 'HEAD /r/404']
      for (const line of requests) client.send(`${line} HTTP/1.1\r\nHost: a\r\n\r\n`)
      client.send('GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
      await client.ended()
      const heads = client.received.match(/HTTP\/1.1 \d+/g)?.length
      assert.equal(heads, 5, `${kind}: ${client.received}`)
      assert.match(client.received, /\r\n\r\n\{"error_msg":"404 Route Not Found"\}$/)
      assert.doesNotMatch(client.received, /!|replaced|nothing/, kind)
    }
  })

  test('pipelined requests are answered in order, however long plugins take', async (t) => {
    const rig = await startRig(t, (request, response) => void response.end(`<${request.url}>`))
    rig.route('r', () => ({
      rewrite: ({ path }) =>
        after(path.endsWith('slow') ? 30 : 1).then(() =>
          path.endsWith('own') ? { status: 200, body: '<own>' } : undefined,
        ),
      bodyFilter: () => ({ transform: (chunk) => after(1).then(() => chunk) }),
    }))
    const client = await rig.client()
    const paths = ['/r/slow', '/r/1', '/r/own', '/r/2', '/r/slow', '/r/own']
    for (const path of paths) client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
    await client.until((received) => (received.match(/<[^>]*>/g)?.length ?? 0) === paths.length)
    const expected = paths.map((path) => (path.endsWith('own') ? '<own>' : `<${path}>`))
    assert.deepEqual(client.received.match(/<[^>]*>/g), expected)
  })

  test('HTTP/1.0: the end of the connection is the end of a filtered body, a reset its failure', async (t) => {
    const rig = await startRig(t, (_, response) => {
      response.write('ab')
      setTimeout(() => response.end('cd'), 10)
    })
    rig.route('good', () => ({ bodyFilter: () => ({ transform: async (chunk) => chunk }) }))
    let pieces = 0
    rig.route('bad', () => ({
      bodyFilter: () => ({ transform: (chunk) => (pieces++ === 0 ? chunk : assert.fail('no')) }),
    }))
    assert.equal(bodyOf(await rig.talk('GET /good/ HTTP/1.0\r\n\r\n')), 'abcd')
    const client = await rig.client()
    client.send('GET /bad/ HTTP/1.0\r\n\r\n')
    await client.ended()
    assert.equal(client.reset, true)
  })

  test('a node that breaks off behind filters cuts the client, and stops them', async (t) => {
    let stopped = 0
    const rig = await startRig(t, (_, response) => {
      response.write('ab')
      setTimeout(() => response.socket?.destroy(), 20)
    })
    for (const late of [false, true]) {
      rig.route('r', () => ({
        bodyFilter: () => ({
          transform: (chunk) => (late ? Promise.resolve(chunk) : chunk),
          stop: () => void stopped++,
        }),
      }))
      const received = await rig.get('/r/')
      assert.doesNotMatch(received, /\r\n0\r\n\r\n$/)
    }
    await until(async () => stopped === 2)
  })

  test('trailers pass filters', async (t) => {
    const rig = await startRig(t, (_, response) => {
      response.setHeader('trailer', 'x-sum')
      response.write('ab')
      response.addTrailers({ 'x-sum': '1' })
      response.end()
    })
    rig.route('r', () => ({ bodyFilter: () => ({ transform: async (chunk) => chunk }) }))
    const received = await rig.get('/r/')
    assert.match(received, /\r\n0\r\nx-sum: 1\r\n\r\n$/i)
  })

  test('a _meta.filter that looks into the body finds it', async (t) => {
    const rig = await startRig(t, echo)
    const filter = [['post_arg_a', '==', '1']]
    rig.route('r', () => ({ rewrite: () => ({ status: 403 }) }))
    const route = {
      uri: '/f/*',
      upstream: { type: 'roundrobin', nodes: { [rig.node.address]: 1 } },
    }
    const hostile = rig.config('r')
    rig.put('routes', {
      id: 'f',
      ...route,
      plugins: { hostile: { ...hostile, _meta: { filter } } },
    })
    const form = 'Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n'
    const post = (body: string, more = '') =>
      rig.talk(
        `POST /f/ HTTP/1.1\r\nHost: a\r\n${form}${more}Content-Length: ${body.length}\r\n\r\n${body}`,
      )
    assert.equal(statusOf(await post('a=1')), 403)
    assert.equal(bodyOf(await post('a=2')), 'a=2')
    const large = `b=${'x'.repeat(70_000)}`
    assert.equal(bodyOf(await post(large)), large, 'larger than what may be held: not met')
  })
})
