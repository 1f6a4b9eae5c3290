import assert from 'node:assert/strict'
import { once } from 'node:events'
import { suite, type TestContext, test } from 'node:test'
import { createClientPool } from '../../src/upstream/client-pool.ts'
import {
  createUpstream,
  type Upstream,
  type UpstreamConfig,
  type UpstreamRequest,
} from '../../src/upstream/upstream.ts'
import { freePort } from '../helpers/free-port.ts'
import { answering, ok, startNode, type TestNode } from './test-node.ts'
import { bodyOf, SlowBody, TestSink } from './test-sink.ts'

const TIMEOUTS = { connectMs: 1000, sendMs: 1000, readMs: 1000 }
const GET: UpstreamRequest = {
  method: 'GET',
  path: '/',
  authority: 'client.example:9080',
  headers: [],
  body: undefined,
}
const IDEMPOTENT = ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']
const OTHERS = ['POST', 'PATCH', 'FROB']

interface Setup extends Partial<Omit<UpstreamConfig, 'nodes'>> {
  ports: number[]
}

/** An upstream that tries its nodes in the order given (by priority), and what it reported. */
function upstreamOf(t: TestContext, { ports, ...config }: Setup) {
  const clients = createClientPool()
  const attempts: string[] = []
  const nodes = ports.map((port, i) => ({ host: '127.0.0.1', port, weight: 1, priority: -i }))
  const upstream = createUpstream(
    { nodes, scheme: 'http', timeouts: TIMEOUTS, passHost: 'pass', ...config },
    clients,
    {
      onResponse: ({ address }, status) => attempts.push(`${name(address)} ${status}`),
      onFailure: ({ address }, { code }) => attempts.push(`${name(address)} ${code}`),
    },
  )
  const name = (node: string) => 'abcdef'[ports.indexOf(Number(node.split(':')[1]))]
  t.after(() => upstream.stop())
  return { upstream, attempts, clients }
}

function send(upstream: Upstream, request: Partial<UpstreamRequest> = {}) {
  const sink = new TestSink()
  upstream.send({ ...GET, ...request }, sink)
  return sink.done
}

/** A node that breaks every connection off when it has read a request's head. */
function resetting(t: TestContext): Promise<TestNode> {
  return startNode(t, (socket, received) => {
    if (received.includes('\r\n\r\n')) socket.resetAndDestroy()
  })
}

suite('upstream: nodes', () => {
  test('requests are spread by weight over one set of shared connections', async (t) => {
    const nodes = [await answering(t, ok('a')), await answering(t, ok('b'))]
    const clients = createClientPool()
    const upstream = createUpstream(
      {
        nodes: nodes.map(({ port }, i) => ({ host: '127.0.0.1', port, weight: i === 0 ? 3 : 1 })),
        scheme: 'http',
        timeouts: TIMEOUTS,
        passHost: 'pass',
      },
      clients,
    )
    const texts: string[] = []
    for (let i = 0; i < 8; i++) texts.push((await send(upstream)).text)
    assert.equal(texts.sort().join(''), 'aaaaaabb')
    assert.deepEqual(
      nodes.map(({ sockets }) => sockets.length),
      [1, 1],
    )
    assert.equal(clients.size, 2)
    upstream.stop()
    upstream.stop()
    assert.equal(clients.size, 0)
  })

  test('connections outlive an upstream that is replaced', async (t) => {
    const node = await answering(t, ok('a'))
    const before = upstreamOf(t, { ports: [node.port] })
    await send(before.upstream)
    const nodes = [{ host: '127.0.0.1', port: node.port, weight: 7 }]
    const config = { nodes, scheme: 'http', timeouts: TIMEOUTS, passHost: 'pass' } as const
    const after = createUpstream(config, before.clients)
    t.after(() => after.stop())
    before.upstream.stop()
    await send(after)
    assert.equal(node.sockets.length, 1)
  })

  test('a request under way finishes although its upstream has been stopped', async (t) => {
    const node = await startNode(t, () => {})
    const { upstream } = upstreamOf(t, { ports: [node.port] })
    const done = send(upstream)
    await node.until((received) => received !== '')
    upstream.stop()
    const closed = once(node.sockets[0] ?? node.server, 'close')
    node.sockets[0]?.write(ok('late'))
    assert.equal((await done).text, 'late')
    await closed
  })

  test('without a node that has weight', async (t) => {
    for (const ports of [[], [1]]) {
      const nodes = ports.map((port) => ({ host: '127.0.0.1', port, weight: 0 }))
      const config = { nodes, scheme: 'http', timeouts: TIMEOUTS, passHost: 'pass' } as const
      const upstream = createUpstream(config, createClientPool())
      t.after(() => upstream.stop())
      assert.equal((await send(upstream)).error?.code, 'GW_UPSTREAM_NO_NODE')
      const silent = new TestSink()
      upstream.send(GET, silent).abort()
      await send(upstream)
      assert.equal(silent.outcomes, 0)
    }
  })

  test('a scheme that can not be spoken is a configuration error', () => {
    const config = { nodes: [], timeouts: TIMEOUTS, passHost: 'pass' } as const
    const create = () =>
      createUpstream(
        { ...config, nodes: [{ host: 'h', port: 1, weight: 1 }], scheme: 'grpc' },
        createClientPool(),
      )
    assert.throws(create, { code: 'GW_CONFIG_INVALID' })
  })
})

suite('upstream: Host', () => {
  const cases: [name: string, config: Partial<UpstreamConfig>, authority: string, host: string][] =
    [
      ['pass', { passHost: 'pass' }, 'client.example:9080', 'client.example:9080'],
      ['pass without one', { passHost: 'pass' }, '', '127.0.0.1:PORT'],
      ['node', { passHost: 'node' }, 'client.example', '127.0.0.1:PORT'],
      ['rewrite', { passHost: 'rewrite', upstreamHost: 'other:1' }, 'client.example', 'other:1'],
    ]
  for (const [name, config, authority, host] of cases) {
    test(name, async (t) => {
      const node = await answering(t, ok(''))
      const { upstream } = upstreamOf(t, { ports: [node.port], ...config })
      await send(upstream, { authority, headers: ['Host', 'ignored'] })
      const lines = node.received[0]?.split('\r\n').filter((line) => /^host:/i.test(line))
      assert.deepEqual(lines, [`host: ${host.replace('PORT', `${node.port}`)}`])
    })
  }
})

suite('upstream: retries', () => {
  for (const method of [...IDEMPOTENT, ...OTHERS]) {
    test(`${method}: a refused connection costs no request`, async (t) => {
      const node = await answering(t, ok(method === 'HEAD' ? '' : 'b'))
      const { upstream, attempts } = upstreamOf(t, { ports: [await freePort(), node.port] })
      const body = method === 'POST' ? bodyOf('data') : undefined
      const sink = await send(upstream, { method, body })
      assert.equal(sink.status, 200)
      assert.deepEqual(attempts, ['a GW_UPSTREAM_CONNECT', 'b 200'])
      assert.equal(node.received[0]?.endsWith('data'), method === 'POST')
    })
  }

  for (const method of IDEMPOTENT) {
    test(`${method}: a reset before the answer is tried on another node`, async (t) => {
      const bad = await resetting(t)
      const good = await answering(t, ok(method === 'HEAD' ? '' : 'b'))
      const { upstream, attempts } = upstreamOf(t, { ports: [bad.port, good.port] })
      const body = method === 'PUT' || method === 'DELETE' ? bodyOf('data') : undefined
      assert.equal((await send(upstream, { method, body })).status, 200)
      assert.deepEqual(attempts, ['a GW_UPSTREAM_RESET', 'b 200'])
      assert.equal(good.received[0]?.endsWith('data'), body !== undefined)
    })
  }

  for (const method of OTHERS) {
    test(`${method}: is never sent twice`, async (t) => {
      const nodes = [await resetting(t), await resetting(t)]
      const { upstream, attempts } = upstreamOf(t, { ports: nodes.map(({ port }) => port) })
      for (const body of [undefined, bodyOf('data')]) {
        const sink = await send(upstream, { method, body })
        assert.equal(sink.error?.code, 'GW_UPSTREAM_RESET')
      }
      assert.deepEqual(attempts, ['a GW_UPSTREAM_RESET', 'a GW_UPSTREAM_RESET'])
      assert.deepEqual(nodes[1]?.received, [])
    })
  }

  test('POST is not sent again after a time-out either', async (t) => {
    const nodes = [await startNode(t, () => {}), await answering(t, ok('b'))]
    const setup = { ports: nodes.map(({ port }) => port), timeouts: { ...TIMEOUTS, readMs: 50 } }
    const { upstream, attempts } = upstreamOf(t, setup)
    const sink = await send(upstream, { method: 'POST', body: bodyOf('data') })
    assert.equal(sink.error?.code, 'GW_UPSTREAM_TIMEOUT')
    assert.deepEqual(attempts, ['a GW_UPSTREAM_TIMEOUT'])
    assert.equal((await send(upstream)).text, 'b')
  })

  test('a body that is still coming is sent once only, if any of it was', async (t) => {
    const bad = await startNode(t, (socket, received) => {
      if (received.includes('part')) socket.resetAndDestroy()
    })
    const { upstream, attempts } = upstreamOf(t, { ports: [bad.port, bad.port] })
    const body = new SlowBody()
    const done = send(upstream, { method: 'PUT', body })
    body.write('part')
    assert.equal((await done).error?.code, 'GW_UPSTREAM_RESET')
    assert.equal(attempts.length, 1)
    assert.equal(body.write('the rest is discarded'), true)
  })

  test('a body that is still coming survives a refused connection', async (t) => {
    const good = await startNode(t, (socket, received) => {
      if (received.endsWith('0\r\n\r\n')) socket.write(ok('b'))
    })
    const { upstream } = upstreamOf(t, { ports: [await freePort(), good.port] })
    const body = new SlowBody()
    const done = send(upstream, { method: 'POST', body })
    body.write('one')
    await good.until((received) => received.includes('one'))
    body.write('two')
    body.end()
    assert.equal((await done).text, 'b')
    assert.match(good.received[0] ?? '', /3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n$/)
  })

  const counts: [name: string, nodes: number, retries: number | undefined, attempts: number][] = [
    ['every other node by default', 3, undefined, 3],
    ['but four at most', 9, undefined, 5],
    ['not the only one, by default', 1, undefined, 1],
    ['none if configured so', 4, 0, 1],
    ['as many as configured', 4, 2, 3],
    ['but each node only once', 4, 99, 4],
    ['the only one as often as configured', 1, 2, 3],
  ]
  for (const [name, count, retries, expected] of counts) {
    test(`all nodes down: ${name}`, async (t) => {
      const port = await freePort()
      const ports = Array.from({ length: count }, () => port)
      const { upstream, attempts } = upstreamOf(t, { ports, retries })
      const sink = await send(upstream)
      assert.equal(sink.error?.code, 'GW_UPSTREAM_CONNECT')
      assert.equal(sink.outcomes, 1)
      assert.equal(attempts.length, expected)
    })
  }

  test('no attempt begins after the time for retries', async (t) => {
    const bad = await startNode(t, (socket, received) => {
      if (received !== '') setTimeout(() => socket.resetAndDestroy(), 30)
    })
    const good = await answering(t, ok('b'))
    for (const [retryTimeoutMs, code] of [
      [10, 'GW_UPSTREAM_RESET'],
      [0, undefined],
      [5_000, undefined],
    ] as const) {
      const { upstream } = upstreamOf(t, { ports: [bad.port, good.port], retryTimeoutMs })
      assert.equal((await send(upstream)).error?.code, code)
    }
  })

  test('a retry budget ends the retries, not the requests', async (t) => {
    const port = await freePort()
    const { upstream, attempts } = upstreamOf(t, {
      ports: [port, port],
      retryBudget: { share: 0.25, minPerSecond: 0 },
    })
    for (let i = 0; i < 12; i++) {
      assert.equal((await send(upstream)).error?.code, 'GW_UPSTREAM_CONNECT')
    }
    assert.equal(attempts.length, 15)
  })

  test('each attempt is recorded: status, 502 or 504', async (t) => {
    const silent = await startNode(t, () => {})
    const good = await answering(t, ok('c'))
    const ports = [await freePort(), silent.port, good.port]
    const timeouts = { connectMs: 1000, sendMs: 1000, readMs: 50 }
    const { upstream } = upstreamOf(t, { ports, timeouts })
    const recorded: string[] = []
    const recorder = {
      noteAttempt: (node: string, status: number) => recorded.push(`${node} ${status}`),
    }
    assert.equal((await send(upstream, { attempts: recorder })).text, 'c')
    assert.deepEqual(
      recorded,
      ports.map((port, i) => `127.0.0.1:${port} ${[502, 504, 200][i]}`),
    )
  })

  test('nothing is retried once a byte of the response was delivered', async (t) => {
    const bad = await startNode(t, (socket, received) => {
      if (received !== '') socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc')
    })
    const good = await answering(t, ok('b'))
    const { upstream, attempts } = upstreamOf(t, { ports: [bad.port, good.port] })
    const sink = await send(upstream)
    assert.equal(sink.text, 'abc')
    assert.equal(sink.ended, false)
    assert.match(sink.error?.code ?? '', /RESET|PROTOCOL/)
    assert.equal(attempts[0], 'a 200')
    assert.deepEqual(good.received, [])
  })

  test('a broken response is not asked for again', async (t) => {
    const bad = await answering(t, 'nonsense\r\n\r\n')
    const good = await answering(t, ok('b'))
    const { upstream } = upstreamOf(t, { ports: [bad.port, good.port] })
    assert.equal((await send(upstream)).error?.code, 'GW_UPSTREAM_PROTOCOL')
    assert.deepEqual(good.received, [])
  })

  test('abort between attempts ends the request in silence', async (t) => {
    const hanging = await startNode(t, () => {})
    const { upstream } = upstreamOf(t, { ports: [await freePort(), hanging.port] })
    const sink = new TestSink()
    const call = upstream.send(GET, sink)
    await hanging.until((received) => received !== '')
    const closed = once(hanging.sockets[0] ?? hanging.server, 'close')
    call.abort()
    await closed
    assert.equal(sink.outcomes, 0)
  })

  test('a client that breaks off its upload is not held against the node', async (t) => {
    const node = await startNode(t, () => {})
    const { upstream, attempts } = upstreamOf(t, { ports: [node.port, node.port] })
    const body = new SlowBody()
    const done = send(upstream, { method: 'PUT', body })
    body.write('part')
    await node.until((received) => received.includes('part'))
    body.fail(new Error('client went away'))
    assert.equal((await done).error?.code, 'GW_UPSTREAM_RESET')
    assert.deepEqual(attempts, [])
  })
})

suite('upstream: connections of its own', () => {
  test('at most so many idle ones, each for so many requests', async (t) => {
    const node = await answering(t, ok('a'))
    const keepAlive = { maxIdle: 1, idleMs: 60_000, maxRequests: 3 }
    const { upstream } = upstreamOf(t, { ports: [node.port], keepAlive })
    for (let i = 0; i < 4; i++) await send(upstream)
    assert.equal(node.sockets.length, 2, 'the fourth request needs another connection')
    await Promise.all([send(upstream), send(upstream), send(upstream)])
    const open = () => node.sockets.filter(({ readableEnded }) => !readableEnded).length
    while (open() > 1) await new Promise(setImmediate)
    assert.equal(open(), 1)
  })

  test('not shared with upstreams of other limits', async (t) => {
    const node = await answering(t, ok('a'))
    const { upstream, clients } = upstreamOf(t, { ports: [node.port] })
    const nodes = [{ host: '127.0.0.1', port: node.port, weight: 1 }]
    const config = { nodes, scheme: 'http', timeouts: TIMEOUTS, passHost: 'pass' } as const
    const other = createUpstream({ ...config, keepAlive: { idleMs: 1_000 } }, clients)
    t.after(() => other.stop())
    await send(upstream)
    await send(other)
    assert.equal(node.sockets.length, 2)
    assert.equal(upstream.nodes[0]?.client.load, other.nodes[0]?.client.load, 'but its load is')
  })
})

suite('upstream: stale connections', () => {
  /** Answers the first request of each connection and breaks off at the second. */
  function stale(t: TestContext): Promise<TestNode> {
    return startNode(t, (socket, received) => {
      const requests = received.split('\r\n\r\n').length - 1
      if (requests === 1) socket.write(ok('fresh'))
      if (requests === 2) socket.resetAndDestroy()
    })
  }

  test('a reused connection that breaks costs no idempotent request, even with one node', async (t) => {
    const node = await stale(t)
    const { upstream } = upstreamOf(t, { ports: [node.port] })
    for (let i = 0; i < 6; i++) assert.equal((await send(upstream)).text, 'fresh')
    assert.equal(node.sockets.length, 6)
  })

  test('several stale connections at once do not either', async (t) => {
    const node = await stale(t)
    const { upstream } = upstreamOf(t, { ports: [node.port] })
    for (let round = 0; round < 3; round++) {
      const sinks = await Promise.all(Array.from({ length: 5 }, () => send(upstream)))
      for (const sink of sinks) assert.equal(sink.text, 'fresh')
    }
  })

  test('POST on one fails and is not sent again', async (t) => {
    const node = await stale(t)
    const { upstream } = upstreamOf(t, { ports: [node.port] })
    await send(upstream)
    const sink = await send(upstream, { method: 'POST' })
    assert.equal(sink.error?.code, 'GW_UPSTREAM_RESET')
    assert.equal(node.received.join('').split('POST').length - 1, 1)
  })

  test('a node that closes its idle connections at any moment costs no GET', async (t) => {
    const node = await answering(t, ok('x'))
    const { upstream } = upstreamOf(t, { ports: [node.port] })
    for (let i = 0; i < 200; i++) {
      const closing = i % 3 === 0
      if (closing) node.sockets.at(-1)?.end()
      for (let turns = i % 4; turns > 0; turns--) await new Promise(setImmediate)
      assert.equal((await send(upstream)).text, 'x', `request ${i}`)
    }
  })

  test('a node restarted between requests costs no GET', async (t) => {
    const node = await answering(t, ok('x'))
    const { upstream } = upstreamOf(t, { ports: [node.port] })
    for (let i = 0; i < 20; i++) {
      for (const socket of node.sockets) socket.resetAndDestroy()
      assert.equal((await send(upstream)).text, 'x')
    }
  })
})
