import assert from 'node:assert/strict'
import { once } from 'node:events'
import { suite, type TestContext, test } from 'node:test'
import {
  NodeClient,
  type NodeClientOptions,
  type NodeRequest,
} from '../../src/upstream/node-client.ts'
import { UploadBody } from '../../src/upstream/upload-body.ts'
import { freePort } from '../helpers/free-port.ts'
import { answering, ok, startNode, type TestNode } from './test-node.ts'
import { bodyOf, SlowBody, TestSink } from './test-sink.ts'

const TIMEOUTS = { connectMs: 2000, sendMs: 2000, readMs: 2000 }
const GET: NodeRequest = { method: 'GET', path: '/', host: 'h', headers: [], body: undefined }

function clientOf(t: TestContext, node: { port: number }, options?: NodeClientOptions): NodeClient {
  const origin = { scheme: 'http', host: '127.0.0.1', port: node.port } as const
  const client = new NodeClient({ ...origin, servername: undefined, verify: false }, options)
  t.after(() => client.stop())
  return client
}

/** Sends a request and waits for its end. */
function fetchFrom(client: NodeClient, request: Partial<NodeRequest> = {}, timeouts = {}) {
  const sink = new TestSink()
  client.send({ ...GET, ...request }, { ...TIMEOUTS, ...timeouts }, sink)
  return sink.done
}

/** The head of the first request that a node got, as lines. */
function requestLines(node: TestNode, connection = 0): string[] {
  return node.received[connection]?.split('\r\n\r\n')[0]?.split('\r\n') ?? []
}

suite('node client: requests', () => {
  test('header fields keep letter case, order, repetition and latin1 bytes both ways', async (t) => {
    const node = await answering(
      t,
      'HTTP/1.1 201 Made It\r\nX-B: 1\r\nx-a: \xe9\r\nX-B: 2\r\nContent-Length: 2\r\n\r\nhi',
    )
    const headers = ['X-B', '1', 'x-a', '\xe9', 'X-B', '2', '__proto__', 'x']
    const sink = await fetchFrom(clientOf(t, node), { path: '/p?q=%20', headers })
    assert.deepEqual(requestLines(node), [
      'GET /p?q=%20 HTTP/1.1',
      'host: h',
      'connection: keep-alive',
      'X-B: 1',
      'x-a: \xe9',
      'X-B: 2',
      '__proto__: x',
    ])
    assert.equal(sink.status, 201)
    assert.equal(sink.reason, 'Made It')
    assert.deepEqual(sink.headers, ['X-B', '1', 'x-a', '\xe9', 'X-B', '2', 'Content-Length', '2'])
    assert.equal(sink.text, 'hi')
  })

  test('fields that framing and connection own are not taken over', async (t) => {
    const node = await answering(t, ok(''))
    const names = ['Host', 'Content-Length', 'Transfer-Encoding', 'Connection', 'Keep-Alive']
    const headers = [...names, 'Upgrade', 'Expect', 'X'].flatMap((name) => [name, '7'])
    await fetchFrom(clientOf(t, node), { headers })
    assert.deepEqual(requestLines(node).slice(1), ['host: h', 'connection: keep-alive', 'X: 7'])
  })

  test('a complete body goes with its length, in one piece', async (t) => {
    const node = await answering(t, ok(''))
    const body = new UploadBody(bodyOf('hello'))
    await fetchFrom(clientOf(t, node), { method: 'POST', body })
    assert.match(node.received[0] ?? '', /content-length: 5\r\n\r\nhello$/)
  })

  for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS']) {
    test(`${method} with a streamed body of unknown length is chunked`, async (t) => {
      const node = await startNode(t, (socket, received) => {
        if (received.endsWith('0\r\n\r\n')) socket.write(ok('done'))
      })
      const source = new SlowBody()
      const client = clientOf(t, node)
      const done = fetchFrom(client, { method, body: new UploadBody(source) })
      source.write('ab')
      await node.until((received) => received.includes('2\r\nab'))
      source.write('cde')
      source.end()
      assert.equal((await done).text, 'done')
      assert.match(node.received[0] ?? '', /chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n$/)
    })
  }

  test('a streamed body of known length keeps its Content-Length', async (t) => {
    const node = await answering(t, ok('done'))
    const source = new SlowBody(5)
    const done = fetchFrom(clientOf(t, node), { method: 'PUT', body: new UploadBody(source) })
    source.write('he')
    await node.until((received) => received.endsWith('he'))
    source.write('llo')
    source.end()
    assert.equal((await done).text, 'done')
    assert.match(node.received[0] ?? '', /content-length: 5\r\n\r\nhello$/)
  })

  test('POST without a body says so', async (t) => {
    const node = await answering(t, ok(''))
    await fetchFrom(clientOf(t, node), { method: 'POST' })
    assert.ok(requestLines(node).includes('content-length: 0'))
  })

  const unsendable: [what: string, request: Partial<NodeRequest>][] = [
    ['path', { path: '/a b' }],
    ['header value', { headers: ['X', 'a\nb'] }],
    ['header name', { headers: ['a b', 'x'] }],
    ['method', { method: 'G T' }],
  ]
  for (const [what, request] of unsendable) {
    test(`a ${what} that can't go on the wire is refused`, async (t) => {
      const node = await answering(t, ok(''))
      const sink = await fetchFrom(clientOf(t, node), request)
      assert.equal(sink.error?.code, 'GW_UPSTREAM_PROTOCOL')
      assert.equal(node.received.join(''), '')
    })
  }
})

suite('node client: responses', () => {
  test('chunks, trailers, HEAD, 204 and 304 are framed right and keep the connection', async (t) => {
    const chunked =
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n'
    const replies = [
      chunked,
      'HTTP/1.1 204 N\r\n\r\n',
      'HTTP/1.1 304 N\r\nETag: x\r\n\r\n',
      ok('z'),
    ]
    const node = await startNode(t, (socket, received) => {
      if (received !== '') socket.write(replies.shift() ?? '')
    })
    const client = clientOf(t, node)
    const first = await fetchFrom(client)
    assert.equal(first.text, 'abc')
    assert.deepEqual(first.trailers, ['X-T', '1'])
    assert.equal((await fetchFrom(client)).status, 204)
    assert.equal((await fetchFrom(client)).status, 304)
    assert.equal((await fetchFrom(client)).text, 'z')
    assert.equal(node.sockets.length, 1)
  })

  test('the answer to HEAD has no body whatever its length says', async (t) => {
    const node = await answering(t, 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n')
    const sink = await fetchFrom(clientOf(t, node), { method: 'HEAD' })
    assert.equal(sink.ended, true)
    assert.deepEqual(sink.headers, ['Content-Length', '10'])
  })

  test('a body that only the end of the connection delimits ends well with FIN', async (t) => {
    const node = await startNode(t, (socket, received) => {
      if (received !== '') socket.end('HTTP/1.1 200 OK\r\n\r\nall of it')
    })
    const sink = await fetchFrom(clientOf(t, node))
    assert.equal(sink.text, 'all of it')
    assert.equal(sink.ended, true)
  })

  for (const status of [100, 102, 103]) {
    test(`${status} before the answer is passed over`, async (t) => {
      const early = `HTTP/1.1 ${status} Early\r\nLink: x\r\n\r\n`
      const node = await answering(t, early + early + ok('late'))
      const client = clientOf(t, node)
      for (let i = 0; i < 2; i++) {
        const sink = await fetchFrom(client)
        assert.equal(sink.text, 'late')
        assert.deepEqual(sink.headers, ['Content-Length', '4'])
      }
      assert.equal(node.sockets.length, 1)
    })
  }

  const bad: [name: string, response: string, code: string][] = [
    ['a 1xx flood', 'HTTP/1.1 103 E\r\n\r\n'.repeat(1000), 'GW_UPSTREAM_PROTOCOL'],
    ['an unasked 101', 'HTTP/1.1 101 S\r\n\r\n', 'GW_UPSTREAM_PROTOCOL'],
    ['huge headers', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`, 'GW_UPSTREAM_PROTOCOL'],
    ['garbage', 'SSH-2.0-OpenSSH\r\n', 'GW_UPSTREAM_PROTOCOL'],
    [
      'two lengths',
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
      'GW_UPSTREAM_PROTOCOL',
    ],
    ['a negative length', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n', 'GW_UPSTREAM_PROTOCOL'],
    [
      'length and chunks',
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      'GW_UPSTREAM_PROTOCOL',
    ],
    [
      'another coding',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nConnection: close\r\n\r\nx',
      'GW_UPSTREAM_PROTOCOL',
    ],
    [
      'chunked twice',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      'GW_UPSTREAM_PROTOCOL',
    ],
    ['a status beyond 599', 'HTTP/1.1 600 X\r\nContent-Length: 0\r\n\r\n', 'GW_UPSTREAM_PROTOCOL'],
    ['a header without colon', 'HTTP/1.1 200 OK\r\nnonsense\r\n\r\n', 'GW_UPSTREAM_PROTOCOL'],
  ]
  for (const [name, response, code] of bad) {
    test(`${name} is an error and nothing of it is delivered`, async (t) => {
      const node = await answering(t, response)
      const sink = await fetchFrom(clientOf(t, node))
      assert.equal(sink.error?.code, code)
      assert.equal(sink.status, 0)
      assert.equal(sink.outcomes, 1)
    })
  }

  const cut: [name: string, response: string][] = [
    ['a bad chunk', 'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n'],
    ['a chunk without its CRLF', 'Transfer-Encoding: chunked\r\n\r\n3\r\nabcdef'],
    ['FIN before the length is reached', 'Content-Length: 10\r\n\r\nabc'],
    ['FIN before the last chunk', 'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n'],
    [
      'FIN before the length with Connection: close',
      'Connection: close\r\nContent-Length: 10\r\n\r\nabc',
    ],
    [
      'FIN before the last chunk with Connection: close',
      'Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n',
    ],
  ]
  for (const [name, rest] of cut) {
    test(`${name} in mid-body is an error, not an end`, async (t) => {
      const node = await startNode(t, (socket, received) => {
        if (received !== '') socket.end(`HTTP/1.1 200 OK\r\n${rest}`)
      })
      const sink = await fetchFrom(clientOf(t, node))
      assert.equal(sink.status, 200)
      assert.equal(sink.ended, false)
      assert.match(sink.error?.code ?? '', /^GW_UPSTREAM_(RESET|PROTOCOL)$/)
      assert.equal(sink.outcomes, 1)
    })
  }

  const whole =
    'HTTP/1.1 200 OK\r\nServer: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n'
  for (const how of ['FIN', 'RST'] as const) {
    test(`${how} at any byte of a response is never taken for its end`, async (t) => {
      let length = 0
      const node = await startNode(t, (socket, received) => {
        if (received === '') return
        const cutOff = () => (how === 'FIN' ? socket.end() : socket.resetAndDestroy())
        if (length === 0) cutOff()
        else socket.write(whole.slice(0, length), cutOff)
      })
      const client = clientOf(t, node)
      for (length = 0; length < whole.length; length++) {
        const sink = await fetchFrom(client)
        assert.equal(sink.ended, false, `cut after ${length} bytes`)
        assert.equal(sink.error?.code, 'GW_UPSTREAM_RESET')
        assert.equal(sink.error?.safeToRetry, false)
        assert.equal(sink.outcomes, 1)
      }
      assert.equal(client.busyConnections, 0)
    })
  }

  test('RST in a body that only the end of the connection delimits is an error', async (t) => {
    const node = await startNode(t, (socket, received) => {
      if (received !== '') socket.write('HTTP/1.1 200 OK\r\n\r\nsome of it')
    })
    const sink = new TestSink()
    sink.onChunk = () => node.sockets[0]?.resetAndDestroy()
    clientOf(t, node).send(GET, TIMEOUTS, sink)
    await sink.done
    assert.equal(sink.ended, false)
    assert.equal(sink.error?.code, 'GW_UPSTREAM_RESET')
  })
})

suite('node client: connections', () => {
  test('are reused one request after another and bounded for parallel ones', async (t) => {
    const node = await answering(t, ok('x'))
    const client = clientOf(t, node, { maxConnections: 3 })
    for (let i = 0; i < 5; i++) assert.equal((await fetchFrom(client)).text, 'x')
    assert.equal(node.sockets.length, 1)
    const sinks = await Promise.all(Array.from({ length: 4 }, () => fetchFrom(client)))
    assert.deepEqual(
      sinks.map((sink) => sink.error?.code),
      [undefined, undefined, undefined, 'GW_UPSTREAM_NO_NODE'],
    )
    assert.equal(sinks[3]?.error?.safeToRetry, true)
    assert.equal(node.sockets.length, 3)
    assert.equal(client.idleConnections, 3)
    assert.equal(client.busyConnections, 0)
  })

  test('a refused connection is safe to retry', async (t) => {
    const sink = await fetchFrom(clientOf(t, { port: await freePort() }))
    assert.equal(sink.error?.code, 'GW_UPSTREAM_CONNECT')
    assert.equal(sink.error?.safeToRetry, true)
  })

  test('a node that closes every connection at once fails a request once', async (t) => {
    for (const how of ['end', 'resetAndDestroy', 'destroy'] as const) {
      const node = await startNode(t, (socket) => socket[how]())
      const sink = await fetchFrom(clientOf(t, node))
      assert.match(sink.error?.code ?? '', /^GW_UPSTREAM_(RESET|CONNECT)$/)
      assert.equal(node.sockets.length, 1)
    }
  })

  const unreachable: [what: string, host: string, port: number][] = [
    ['a name without an address', 'no-such-name.invalid', 1],
    ['a name that is none', 'a b/c@d', 1],
    ['a port that is none', '127.0.0.1', 70_000],
  ]
  for (const [what, host, port] of unreachable) {
    test(`${what} is a connect error`, async (t) => {
      const client = new NodeClient({
        scheme: 'http',
        host,
        port,
        servername: undefined,
        verify: false,
      })
      t.after(() => client.stop())
      assert.equal((await fetchFrom(client)).error?.code, 'GW_UPSTREAM_CONNECT')
    })
  }

  test('a node that closes after its answer, said or unsaid, costs no request', async (t) => {
    for (const field of ['', 'Connection: close\r\n']) {
      const node = await startNode(t, (socket, received) => {
        if (received !== '') socket.end(ok('bye', field))
      })
      const client = clientOf(t, node)
      for (let i = 0; i < 5; i++) {
        assert.equal((await fetchFrom(client)).text, 'bye')
        // The FIN arrives with the answer or right after it.
        await new Promise(setImmediate)
      }
      assert.equal(node.sockets.length, 5)
    }
  })

  test('bytes on an idle connection cut it and never answer the next request', async (t) => {
    const node = await startNode(t, (socket, received) => {
      if (received !== '') socket.write(ok('good') + ok('evil'))
    })
    const client = clientOf(t, node)
    for (let i = 0; i < 5; i++) assert.equal((await fetchFrom(client)).text, 'good')
    assert.equal(node.sockets.length, 5)
  })

  test('stop lets the request under way finish and closes all connections then', async (t) => {
    const node = await startNode(t, (socket, received) => {
      if (received.endsWith('\r\n\r\n') && received.includes('/quick')) socket.write(ok('q'))
    })
    const client = clientOf(t, node)
    const slow = new TestSink()
    client.send({ ...GET, path: '/slow' }, TIMEOUTS, slow)
    await fetchFrom(client, { path: '/quick' })
    await node.until((received) => received.includes('/slow'))
    client.stop()
    client.stop()
    const closed = node.sockets.map((socket) => once(socket, 'end'))
    node.sockets[0]?.write(ok('slow'))
    assert.equal((await slow.done).text, 'slow')
    await Promise.all(closed)
  })
})

suite('node client: time-outs and abort', () => {
  test('no answer in time', async (t) => {
    const node = await startNode(t, () => {})
    const sink = await fetchFrom(clientOf(t, node), {}, { readMs: 50 })
    assert.equal(sink.error?.code, 'GW_UPSTREAM_TIMEOUT')
    assert.equal(sink.error?.safeToRetry, false)
  })

  test('a head that drips in counts as a whole', async (t) => {
    const node = await startNode(t, (socket, received) => {
      if (received === '') return
      const timer = setInterval(() => socket.write('X'), 10)
      socket.once('close', () => clearInterval(timer))
      socket.write('HTTP/1.1 200 OK\r\nX')
    })
    const sink = await fetchFrom(clientOf(t, node), {}, { readMs: 100 })
    assert.equal(sink.error?.code, 'GW_UPSTREAM_TIMEOUT')
  })

  test('a drip of 103s does not keep a request for ever', async (t) => {
    const node = await startNode(t, (socket, received) => {
      if (received === '') return
      const timer = setInterval(() => socket.write('HTTP/1.1 103 E\r\n\r\n'), 20)
      socket.once('close', () => clearInterval(timer))
    })
    const sink = await fetchFrom(clientOf(t, node), {}, { readMs: 100 })
    assert.equal(sink.error?.code, 'GW_UPSTREAM_TIMEOUT')
  })

  test('a stall in mid-body', async (t) => {
    const node = await answering(t, 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc')
    const sink = await fetchFrom(clientOf(t, node), {}, { readMs: 50 })
    assert.equal(sink.text, 'abc')
    assert.equal(sink.ended, false)
    assert.equal(sink.error?.code, 'GW_UPSTREAM_TIMEOUT')
  })

  test('a node that reads nothing of a large body', async (t) => {
    const node = await startNode(t, (socket) => socket.pause())
    const source = new SlowBody()
    const done = fetchFrom(
      clientOf(t, node),
      { method: 'POST', body: new UploadBody(source) },
      { sendMs: 100, readMs: 10_000 },
    )
    source.onResume = () => fill(source)
    fill(source)
    const sink = await done
    assert.equal(sink.error?.code, 'GW_UPSTREAM_TIMEOUT')
    assert.equal(sink.error?.safeToRetry, false)
  })

  test('a slow producer is given its time, and the node its own after that', async (t) => {
    const answersFirst = await startNode(t, (socket, received) => {
      if (received.endsWith('0\r\n\r\n') && received.includes('good')) socket.write(ok('thanks'))
    })
    for (const [word, text, code] of [
      ['good', 'thanks', undefined],
      ['evil', '', 'GW_UPSTREAM_TIMEOUT'],
    ]) {
      const source = new SlowBody()
      const request = { method: 'POST', body: new UploadBody(source) }
      const done = fetchFrom(clientOf(t, answersFirst), request, { readMs: 50, sendMs: 50 })
      for (const piece of [...(word ?? '')]) {
        source.write(piece === 'd' || piece === 'l' ? `${word}` : piece)
        await new Promise((resolve) => setTimeout(resolve, 60))
      }
      source.end()
      const sink = await done
      assert.equal(sink.text, text)
      assert.equal(sink.error?.code, code)
    }
  })

  test('abort before, during and after connecting leaves nothing behind', async (t) => {
    const node = await startNode(t, () => {})
    const client = clientOf(t, node)
    const early = new TestSink()
    client.send(GET, TIMEOUTS, early).abort()
    const late = new TestSink()
    const call = client.send({ ...GET, path: '/late' }, TIMEOUTS, late)
    await node.until((received) => received.includes('/late'))
    const closed = Promise.all(node.sockets.map((socket) => once(socket, 'close')))
    call.abort()
    call.abort()
    call.resume()
    await closed
    assert.equal(early.outcomes + late.outcomes, 0)
    assert.equal(client.busyConnections, 0)
    assert.equal(client.idleConnections, 0)
  })
})

/** Writes until the body is held back. */
function fill(source: SlowBody): number {
  const chunk = Buffer.alloc(16 * 1024, 'x')
  let bytes = chunk.length
  while (source.write(chunk)) bytes += chunk.length
  return bytes
}

suite('node client: bodies under way', () => {
  test('a slow consumer holds the node back', async (t) => {
    const size = 64 * 1024 * 1024
    let taken = 0
    const node = await startNode(t, (socket, received) => {
      if (received === '') return
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`)
      const chunk = Buffer.alloc(64 * 1024)
      const pump = () => {
        while (taken < size) {
          taken += chunk.length
          if (!socket.write(chunk)) return
        }
      }
      socket.on('drain', pump)
      pump()
    })
    const sink = new TestSink()
    const call = clientOf(t, node).send(GET, TIMEOUTS, sink)
    let bytes = 0
    sink.accepts = false
    sink.onData = (chunk) => {
      bytes += chunk.length
      return sink.accepts
    }
    await sink.head
    // Until the node has been held back for a while: its kernel buffers are full.
    for (let before = -1; before !== taken; ) {
      before = taken
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    assert.ok(bytes <= 128 * 1024, `${bytes} bytes were delivered to a sink that wanted none`)
    assert.ok(taken < size, 'the node was not held back')
    sink.accepts = true
    call.resume()
    await sink.done
    assert.equal(bytes, size)
  })

  test('resume after every chunk gets everything through', async (t) => {
    const body = 'x'.repeat(1_000_000)
    const node = await answering(t, ok(body))
    const sink = new TestSink()
    sink.accepts = false
    const call = clientOf(t, node).send(GET, TIMEOUTS, sink)
    sink.onChunk = () => call.resume()
    assert.equal((await sink.done).text.length, body.length)
  })

  test('a slow node holds the sender back and gets every byte', async (t) => {
    const size = 8 * 1024 * 1024
    let got = 0
    const node = await startNode(t, (socket, received) => {
      if (received === '') socket.pause()
    })
    const source = new SlowBody(size)
    const done = fetchFrom(clientOf(t, node), { method: 'PUT', body: new UploadBody(source) })
    let sent = 0
    const chunk = Buffer.alloc(64 * 1024, 'x')
    const pump = () => {
      while (sent < size) {
        sent += chunk.length
        if (!source.write(chunk)) break
      }
      if (sent === size && !source.paused) source.end()
    }
    pump()
    assert.ok(sent <= 128 * 1024, `${sent} bytes were taken before the node took any`)
    source.onResume = pump
    await once(node.server, 'connection')
    const [socket] = node.sockets
    socket?.removeAllListeners('data')
    socket?.on('data', (bytes) => {
      got += bytes.length
      if (got > size) socket.write(ok('thanks'))
    })
    socket?.resume()
    assert.equal((await done).text, 'thanks')
  })

  test('an upload that breaks off never looks complete to the node', async (t) => {
    for (const length of [undefined, 10]) {
      const node = await startNode(t, () => {})
      const client = clientOf(t, node)
      const source = new SlowBody(length)
      const done = fetchFrom(client, { method: 'POST', body: new UploadBody(source) })
      source.write('part')
      await node.until((received) => received.includes('part'))
      const closed = once(node.sockets[0] ?? node.server, 'close')
      source.fail(new Error('client went away'))
      const sink = await done
      await closed
      assert.equal(sink.error?.code, 'GW_UPSTREAM_RESET')
      assert.equal(sink.error?.safeToRetry, false)
      assert.doesNotMatch(node.received[0] ?? '', /\r\n0\r\n/)
    }
  })

  test('a body longer or shorter than announced is never sent as one', async (t) => {
    for (const text of ['too long', 'x']) {
      const node = await startNode(t, () => {})
      const source = new SlowBody(4)
      const done = fetchFrom(clientOf(t, node), { method: 'POST', body: new UploadBody(source) })
      source.write(text.slice(0, 1))
      await node.until((received) => received.includes('content-length: 4'))
      if (text.length > 1) source.write(text.slice(1))
      source.end()
      assert.notEqual((await done).error, undefined)
    }
  })

  test('an answer before the end of the upload is delivered and the rest discarded', async (t) => {
    const node = await startNode(t, (socket, received) => {
      if (received.includes('part'))
        socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n')
    })
    const source = new SlowBody()
    const done = fetchFrom(clientOf(t, node), { method: 'POST', body: new UploadBody(source) })
    source.write('part')
    const sink = await done
    assert.equal(sink.status, 413)
    assert.equal(sink.ended, true)
    source.write('more')
    source.end()
  })
})
