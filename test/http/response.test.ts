import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Exchange } from '../../src/http/exchange.ts'
import { countOf, ok, startEngine } from './engine-fixture.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const GET_CLOSE = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
const HEAD = 'HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
const OLD = 'GET / HTTP/1.0\r\n\r\n'

/** Head lines without the Date, and the body, of the response to `request`. */
async function answer(
  t: Parameters<typeof startEngine>[0],
  handler: (exchange: Exchange) => void,
  request = GET_CLOSE,
) {
  const { talk } = await startEngine(t, handler)
  const received = await talk(request)
  const end = received.indexOf('\r\n\r\n')
  const lines = received.slice(0, end).split('\r\n')
  return { lines: lines.filter((line) => !line.startsWith('Date')), body: received.slice(end + 4) }
}

function stream(status: number, headers: string[], length: number | undefined, parts: string[]) {
  return (exchange: Exchange) => {
    exchange.respond(status, '', headers, length)
    for (const part of parts) exchange.write(Buffer.from(part))
    exchange.end()
  }
}

suite('responses', () => {
  test('of known length are framed by it', async (t) => {
    const { lines, body } = await answer(t, stream(200, ['A', 'b'], 4, ['ab', 'cd']))
    assert.deepEqual(lines, ['HTTP/1.1 200 OK', 'A: b', 'Content-Length: 4', 'Connection: close'])
    assert.equal(body, 'abcd')
  })

  test('of unknown length are chunked', async (t) => {
    const { lines, body } = await answer(t, stream(200, [], undefined, ['ab', 'cde']))
    assert.equal(lines[1], 'Transfer-Encoding: chunked')
    assert.equal(body, '2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n')
  })

  test('of unknown length end with the connection for HTTP/1.0', async (t) => {
    const old = 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n'
    const { lines, body } = await answer(t, stream(200, [], undefined, ['ab', 'cde']), old)
    assert.deepEqual(lines, ['HTTP/1.1 200 OK', 'Connection: close'])
    assert.equal(body, 'abcde')
  })

  test('own their framing fields', async (t) => {
    const fields = [
      'content-length',
      '9',
      'Transfer-Encoding',
      'x',
      'connection',
      'x',
      'Keep-Alive',
      'y',
    ]
    const { lines } = await answer(t, stream(200, fields, 2, ['ab']))
    assert.deepEqual(lines, ['HTTP/1.1 200 OK', 'Content-Length: 2', 'Connection: close'])
  })

  const bodyless = [
    { name: 'HEAD', request: HEAD, status: 200, line: 'Content-Length: 9' },
    { name: '304', request: GET_CLOSE, status: 304, line: 'Content-Length: 9' },
    { name: '204', request: GET_CLOSE, status: 204, line: 'Connection: close' },
  ]
  for (const { name, request, status, line } of bodyless) {
    test(`to ${name} have no body, whatever is written`, async (t) => {
      const fields = ['Content-Length', '9']
      for (const length of [9, undefined]) {
        const { lines, body } = await answer(t, stream(status, fields, length, ['123']), request)
        assert.equal(lines[1], line)
        assert.equal(body, '')
      }
      assert.equal(
        (await answer(t, (exchange) => exchange.reply(status, [], '123'), request)).body,
        '',
      )
    })
  }

  test('are counted in bytes, and so are requests', async (t) => {
    const counted: number[][] = []
    const fixture = await startEngine(t, (exchange) => {
      exchange.onClose = () => {
        counted.push([exchange.bytesReceived, exchange.headBytes, exchange.bytesSent])
      }
      exchange.body?.start({
        onData: () => true,
        onEnd: () => exchange.reply(200, [], 'hello'),
        onError() {},
      })
    })
    const head = 'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n'
    const plain = await fixture.talk(`${head}Content-Length: 3\r\n\r\nabc`)
    await fixture.talk(`${head}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`)
    const answerHead = plain.indexOf('hello')
    assert.deepEqual(counted, [
      [head.length + 'Content-Length: 3\r\n\r\n'.length + 3, answerHead, 5],
      [head.length + 'Transfer-Encoding: chunked\r\n\r\n'.length + 3, answerHead, 5],
    ])
  })

  test('carry trailers, but none that could be taken for a head field', async (t) => {
    const { body } = await answer(t, (exchange) => {
      exchange.respond(200, '', [], undefined)
      exchange.end(['A', 'b', 'Content-Length', '3'])
    })
    assert.equal(body, '0\r\nA: b\r\n\r\n')
  })

  test('keep a reason and a date of the handler', async (t) => {
    const { talk } = await startEngine(t, (exchange) => {
      exchange.respond(299, 'Fine by me', ['date', 'now'], 0)
      exchange.end()
    })
    const received = await talk(GET_CLOSE)
    assert.match(received, /^HTTP\/1.1 299 Fine by me\r\ndate: now\r\nContent-Length: 0\r\n/)
  })

  test('with a large first chunk arrive whole', async (t) => {
    const large = 'x'.repeat(300_000)
    assert.equal((await answer(t, stream(200, [], 300_003, ['abc', large]))).body, `abc${large}`)
    const chunked = await answer(t, stream(200, [], undefined, [large, 'abc']))
    assert.equal(chunked.body, `493e0\r\n${large}\r\n3\r\nabc\r\n0\r\n\r\n`)
  })

  test('send their head at once, even if the body comes later', async (t) => {
    const held: Exchange[] = []
    const { client } = await startEngine(t, (exchange) => {
      exchange.respond(200, '', [], undefined)
      held.push(exchange)
    })
    const raw = await client()
    raw.send(GET_CLOSE)
    await raw.until((text) => text.endsWith('chunked\r\nConnection: close\r\n\r\n'))
    held[0]?.write(Buffer.from('x'))
    await raw.until((text) => text.endsWith('1\r\nx\r\n'))
    held[0]?.end()
    await raw.ended()
  })
})

suite('responses that are never taken for whole', () => {
  const cases = [
    { name: 'shorter than announced', run: stream(200, [], 9, ['abc']), request: GET, body: 'abc' },
    {
      name: 'longer than announced',
      run: stream(200, [], 2, ['abc']),
      request: GET,
      body: undefined,
    },
  ]
  for (const { name, run, request, body } of cases) {
    test(`when ${name}`, async (t) => {
      const { talk, errors } = await startEngine(t, run)
      const received = await talk(request)
      if (body !== undefined) assert.ok(received.endsWith(body))
      else assert.match(received, /^HTTP\/1.1 500 /)
      assert.equal(errors.length, 1)
    })
  }

  test('when aborted in the middle of chunks', async (t) => {
    const { talk } = await startEngine(t, (exchange) => {
      exchange.respond(200, '', [], undefined)
      exchange.write(Buffer.from('abc'))
      setImmediate(() => exchange.abort())
    })
    assert.ok((await talk(GET)).endsWith('3\r\nabc\r\n'))
  })

  test('when aborted in the middle of a response without framing', async (t) => {
    const { client } = await startEngine(t, (exchange) => {
      exchange.respond(200, '', [], undefined)
      exchange.write(Buffer.from('abc'))
      setImmediate(() => exchange.abort())
    })
    const raw = await client()
    raw.send(OLD)
    await raw.ended()
    assert.equal(raw.reset, true)
  })
})

suite('handlers that break the contract', () => {
  const splitting = [
    ['A', 'b\r\nC: d'],
    ['A', 'b\nC: d'],
    ['A', 'b\0'],
    ['A', 'b\u010d\u010aC: d'],
    ['A\r\nB', 'c'],
    ['A B', 'c'],
    ['', 'c'],
  ]
  for (const field of splitting) {
    test(`get 500 for the field ${JSON.stringify(field)}`, async (t) => {
      const { talk, errors } = await startEngine(t, (exchange) => exchange.reply(200, field, 'x'))
      assert.match(await talk(GET), /^HTTP\/1.1 500 .*"internal server error"/s)
      assert.equal(errors.length, 1)
    })
  }

  const misuse: { name: string; run: (exchange: Exchange) => void }[] = [
    { name: 'throw', run: () => assert.fail('boom') },
    { name: 'write first', run: (exchange) => exchange.write(Buffer.from('x')) },
    { name: 'end first', run: (exchange) => exchange.end() },
    { name: 'use a status that is not final', run: (exchange) => exchange.reply(101, [], '') },
    { name: 'split the reason', run: (exchange) => exchange.respond(200, 'a\r\nb', [], 0) },
    {
      name: 'respond twice',
      run: (exchange) => {
        exchange.respond(200, '', [], 5)
        exchange.respond(200, '', [], 5)
      },
    },
  ]
  for (const { name, run } of misuse) {
    test(`get 500 if they ${name}`, async (t) => {
      const { talk, errors, engine } = await startEngine(t, run)
      assert.match(await talk(GET), /^HTTP\/1.1 500 /)
      assert.equal(errors.length, 1)
      assert.equal(engine.pendingRequests, 0)
    })
  }

  test('may throw in a callback without harm to others', async (t) => {
    const { talk, errors } = await startEngine(t, (exchange) => {
      exchange.onClose = () => assert.fail('boom')
      ok(exchange)
    })
    assert.equal(countOf(await talk(GET + GET_CLOSE), '200 OK'), 2)
    assert.equal(errors.length, 2)
  })

  test('get 500 if their sink throws', async (t) => {
    const { talk, errors } = await startEngine(t, (exchange) => {
      const boom = () => assert.fail('boom')
      exchange.body?.start({ onData: boom, onEnd: boom, onError: boom })
    })
    const request = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n'
    assert.match(await talk(`${request}ab`), /^HTTP\/1.1 500 /)
    assert.equal(errors.length, 2)
  })

  test('are ignored once the exchange is over', async (t) => {
    const held: Exchange[] = []
    const closes: boolean[] = []
    const { talk, errors } = await startEngine(t, (exchange) => {
      held.push(exchange)
      exchange.onClose = (aborted) => closes.push(aborted)
      ok(exchange)
    })
    assert.equal(countOf(await talk(GET_CLOSE), 'HTTP/1.1'), 1)
    held[0]?.reply(200, [], 'again')
    held[0]?.respond(200, '', [], 1)
    assert.equal(held[0]?.write(Buffer.from('x')), false)
    held[0]?.end()
    held[0]?.abort()
    assert.deepEqual([closes, errors], [[false], []])
  })
})

suite('slow clients', () => {
  test('hold the handler back, and memory stays bounded', async (t) => {
    const total = 30_000_000
    const chunk = Buffer.alloc(65_536)
    let left = total
    let stalled = 0
    const { client } = await startEngine(t, (exchange) => {
      const pump = () => {
        while (left > 0) {
          const part = left < chunk.length ? chunk.subarray(0, left) : chunk
          left -= part.length
          if (!exchange.write(part)) {
            stalled++
            return
          }
        }
        exchange.end()
      }
      exchange.onDrain = pump
      exchange.respond(200, '', [], total)
      pump()
    })
    const raw = await client()
    raw.socket.removeAllListeners('data')
    raw.socket.pause()
    raw.send(GET_CLOSE)
    while (stalled === 0) await new Promise((resolve) => setImmediate(resolve))
    for (let i = 0; i < 100; i++) await new Promise((resolve) => setImmediate(resolve))
    assert.ok(left > total / 2, `${total - left} bytes were accepted`)
    let taken = 0
    raw.socket.on('data', (text: string) => {
      taken += text.length
    })
    raw.socket.resume()
    await raw.ended()
    assert.ok(taken > total)
    assert.equal(left, 0)
  })
})
