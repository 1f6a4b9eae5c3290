import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Exchange } from '../../src/http/exchange.ts'
import { countOf, echo, ok, readBody, startEngine } from './engine-fixture.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const GET_CLOSE = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

function get(target: string, fields = ''): string {
  return `GET ${target} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`
}

function post(body: string, fields = ''): string {
  return `POST / HTTP/1.1\r\nHost: a\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`
}

suite('one connection', () => {
  test('serves request after request', async (t) => {
    const { client, engine } = await startEngine(t, echo)
    const raw = await client()
    for (let i = 1; i <= 3; i++) {
      raw.send(get(`/${i}`))
      await raw.until((text) => text.includes(`X-Target: /${i}`))
    }
    assert.equal(countOf(raw.received, 'HTTP/1.1 200 OK'), 3)
    assert.equal(raw.received.includes('Connection:'), false)
    assert.match(raw.received, /\r\nDate: .* GMT\r\n/)
    assert.equal(engine.connections, 1)
    assert.equal(engine.pendingRequests, 0)
  })

  test('answers pipelined requests in order, one at a time', async (t) => {
    const held: Exchange[] = []
    const { client, engine } = await startEngine(t, (exchange) => held.push(exchange))
    const raw = await client()
    raw.send(get('/1') + get('/2') + get('/3'))
    for (const target of ['/1', '/2', '/3']) {
      while (held.length === 0) await new Promise((resolve) => setImmediate(resolve))
      assert.equal(engine.pendingRequests, 1)
      const exchange = held.shift()
      assert.equal(exchange?.target, target)
      exchange?.reply(200, [], target)
      await raw.until((text) => text.endsWith(target))
    }
  })

  test('answers a long burst of pipelined requests', async (t) => {
    const { talk } = await startEngine(t, echo)
    const targets = Array.from({ length: 500 }, (_, i) => `/${i}`)
    const burst = targets.map((target) => get(target)).join('')
    const received = await talk(burst + GET_CLOSE)
    const seen = [...received.matchAll(/X-Target: (\S+)/g)].map((match) => match[1])
    assert.deepEqual(seen, [...targets, '/'])
  })

  test('gives others their turn during a burst', async (t) => {
    let turns = 0
    let running = true
    const { talk } = await startEngine(t, ok)
    const count = () => {
      turns++
      if (running) setImmediate(count)
    }
    count()
    await talk(GET.repeat(320) + GET_CLOSE)
    running = false
    assert.ok(turns >= 20, `${turns} turns`)
  })

  test('echoes bodies of both framings on one connection', async (t) => {
    const { talk } = await startEngine(t, echo)
    const chunked = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
    const received = await talk(
      `${post('one')}${chunked}1\r\nt\r\n2\r\nwo\r\n0\r\n\r\n${post('three')}${GET_CLOSE}`,
    )
    const bodies = received.split(/HTTP\/1.1 200 OK.*?\r\n\r\n/s).slice(1)
    assert.deepEqual(bodies, ['one', 'two', 'three', ''])
  })

  test('answers a client that has shut its side', async (t) => {
    const { talk } = await startEngine(t, (exchange) => {
      setImmediate(() => exchange.reply(200, [], 'late'))
    })
    assert.ok((await talk(GET, { halfClose: true })).endsWith('late'))
    assert.equal(countOf(await talk(GET + GET, { halfClose: true }), 'late'), 2)
  })

  test('closes after Connection: close, and after the last allowed request', async (t) => {
    const { talk } = await startEngine(t, ok, { maxRequestsPerConnection: 2 })
    assert.equal(countOf(await talk(GET_CLOSE + GET), 'Connection: close'), 1)
    const received = await talk(GET + GET + GET)
    assert.equal(countOf(received, '200 OK'), 2)
    assert.equal(countOf(received, 'Connection: close'), 1)
  })

  test('says so when a large body that has begun will not be read to its end', async (t) => {
    const answerEarly = (exchange: Exchange) => {
      const onData = () => {
        exchange.reply(200, [], 'early')
        return true
      }
      exchange.body?.start({ onData, onEnd() {}, onError() {} })
    }
    const { client } = await startEngine(t, answerEarly)
    for (const [length, said] of [
      [1_000_000, 1],
      [1_000, 0],
    ] as const) {
      const raw = await client()
      raw.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\nabc`)
      await raw.until((text) => text.endsWith('early'))
      assert.equal(countOf(raw.received, 'Connection: close'), said, `${length} bytes`)
    }
  })

  test('says so when a chunked body was long so far; of a short one it reads the rest', async (t) => {
    let wanted = 0
    const { client } = await startEngine(t, (exchange) => {
      let bytes = 0
      const onData = (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes >= wanted && !exchange.responded) exchange.reply(200, [], 'early')
        return true
      }
      if (exchange.body === undefined) exchange.reply(200, [], 'next')
      else exchange.body.start({ onData, onEnd() {}, onError() {} })
    })
    const head = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
    const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`

    wanted = 5 * 0x4000
    const long = await client()
    long.send(head + chunk.repeat(5))
    await long.ended()
    assert.match(long.received, /Connection: close.*early$/s)

    wanted = 1
    const short = await client()
    short.send(head + chunk)
    await short.until((text) => text.endsWith('early'))
    assert.equal(countOf(short.received, 'Connection: close'), 0)
    short.send(`${chunk.repeat(20)}0\r\n\r\n${GET}`)
    await short.until((text) => text.endsWith('next'))
  })

  test('persists for HTTP/1.0 clients that ask', async (t) => {
    const { talk } = await startEngine(t, ok)
    const old = 'GET / HTTP/1.0\r\n'
    const received = await talk(`${old}Connection: keep-alive\r\n\r\n${old}\r\n${GET}`)
    assert.equal(countOf(received, '200 OK'), 2)
    assert.equal(countOf(received, 'Connection: keep-alive'), 1)
    assert.equal(countOf(received, 'Connection: close'), 1)
  })

  test('tells the facts of the connection', async (t) => {
    const { talk } = await startEngine(t, (exchange) => {
      exchange.reply(200, [], JSON.stringify(exchange.connection))
    })
    const received = await talk(GET_CLOSE)
    assert.match(received, /"remoteAddress":"127.0.0.1".*"encrypted":false/)
  })
})

suite('request bodies', () => {
  const expecting =
    'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n'

  test('are invited once the handler wants them', async (t) => {
    const { client } = await startEngine(t, echo)
    const raw = await client()
    raw.send(expecting)
    await raw.until((text) => text === 'HTTP/1.1 100 Continue\r\n\r\n')
    raw.send(`hi${GET}`)
    await raw.until((text) => countOf(text, '200 OK') === 2)
  })

  test('are not invited when they are there, or when the handler answers without them', async (t) => {
    const { talk } = await startEngine(t, echo)
    assert.equal(countOf(await talk(`${expecting}hi${GET_CLOSE}`), ' 100 '), 0)
    const rejecting = await startEngine(t, ok)
    const received = await rejecting.talk(expecting)
    assert.match(received, /^HTTP\/1.1 200 OK.*Connection: close/s)
  })

  test('that came along with the head are handed over within start', async (t) => {
    const seen: string[] = []
    const { talk } = await startEngine(t, (exchange) => {
      exchange.body?.start({
        onData: (chunk) => seen.push(chunk.toString()) > 0,
        onEnd: () => seen.push('end'),
        onError: () => seen.push('error'),
      })
      seen.push('started')
      exchange.reply(200, [], 'ok')
    })
    assert.equal(countOf(await talk(post('one') + GET_CLOSE), '200 OK'), 2)
    assert.deepEqual(seen, ['one', 'end', 'started', 'started'])
  })

  test('that nobody reads are skipped when short', async (t) => {
    const { talk } = await startEngine(t, ok)
    const received = await talk(post('x'.repeat(60_000)) + GET_CLOSE)
    assert.equal(countOf(received, '200 OK'), 2)
  })

  test('that nobody reads end the connection when long', async (t) => {
    const { client } = await startEngine(t, ok)
    const raw = await client()
    raw.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n')
    raw.send(Buffer.alloc(1_000_000))
    raw.send(GET)
    await raw.ended()
    assert.equal(countOf(raw.received, '200 OK'), 1)
    assert.equal(countOf(raw.received, 'Connection: close'), 1)
    assert.equal(raw.reset, false)
  })

  test('without announced length are skipped, if not endless', async (t) => {
    const { talk } = await startEngine(t, ok)
    const head = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
    const short = await talk(`${head}5\r\nhello\r\n0\r\n\r\n${GET_CLOSE}`)
    assert.equal(countOf(short, '200 OK'), 2)
    const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`
    const long = await talk(`${head}${chunk.repeat(10)}0\r\n\r\n${GET_CLOSE}`)
    assert.equal(countOf(long, '200 OK'), 2)
    const endless = await talk(`${head}${chunk.repeat(530)}0\r\n\r\n${GET_CLOSE}`)
    assert.equal(countOf(endless, '200 OK'), 1)
  })

  test('of one-byte chunks reach the handler in few pieces', async (t) => {
    let pieces = 0
    let bytes = 0
    const { talk } = await startEngine(t, (exchange) => {
      exchange.body?.start({
        onData(chunk) {
          pieces++
          bytes += chunk.length
          return true
        },
        onEnd: () => exchange.reply(200, [], 'done'),
        onError: () => undefined,
      })
    })
    const head =
      'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n'
    await talk(`${head}${'1\r\nx\r\n'.repeat(20_000)}0\r\n\r\n`)
    assert.equal(bytes, 20_000)
    assert.ok(pieces < 200, `${pieces} pieces`)
  })

  test('wait while the handler can not take more', async (t) => {
    const total = 20_000_000
    let received = 0
    let paused: (() => void) | undefined
    const { client } = await startEngine(t, (exchange) => {
      exchange.body?.start({
        onData(chunk) {
          received += chunk.length
          paused = () => exchange.body?.resume()
          return false
        },
        onEnd: () => exchange.reply(200, [], 'done'),
        onError: () => undefined,
      })
    })
    const raw = await client()
    raw.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${total}\r\n\r\n`)
    raw.send(Buffer.alloc(total))
    while (paused === undefined) await new Promise((resolve) => setImmediate(resolve))
    for (let i = 0; i < 100; i++) await new Promise((resolve) => setImmediate(resolve))
    assert.ok(received <= 131_072, `${received} bytes`)
    const pump = setInterval(() => paused?.(), 0)
    t.after(() => clearInterval(pump))
    await raw.until((text) => text.endsWith('done'))
    assert.equal(received, total)
  })

  const broken = [
    { name: 'a bad chunk', rest: '3\r\nabcd\r\n', halfClose: false },
    { name: 'a smuggled trailer', rest: '0\r\nContent-Length: 1\r\n\r\n', halfClose: false },
    { name: 'an early end', rest: '3\r\nab', halfClose: true },
  ]
  for (const { name, rest, halfClose } of broken) {
    test(`with ${name} fail with 400`, async (t) => {
      let failed: Error | undefined
      let aborted: boolean | undefined
      const { talk, engine } = await startEngine(t, (exchange) => {
        exchange.onClose = (value) => {
          aborted = value
        }
        void readBody(exchange.body).then(({ error }) => {
          failed = error
        })
      })
      const head = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
      const received = await talk(head + rest, { halfClose })
      assert.match(received, /^HTTP\/1.1 400 .*Connection: close.*"error_msg":"/s)
      assert.ok(failed instanceof Error)
      assert.equal(aborted, true)
      assert.equal(engine.pendingRequests, 0)
    })
  }

  test('fail when the client goes away', async (t) => {
    const { promise, resolve } = Promise.withResolvers<Error | undefined>()
    const { client, engine } = await startEngine(t, (exchange) => {
      void readBody(exchange.body).then(({ error }) => resolve(error))
    })
    const raw = await client()
    raw.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc')
    while (engine.pendingRequests === 0) await new Promise((next) => setImmediate(next))
    raw.socket.resetAndDestroy()
    assert.ok((await promise) instanceof Error)
  })

  test('fail when asked for after the end of the exchange', async (t) => {
    const { promise, resolve } = Promise.withResolvers<Error | undefined>()
    const { talk } = await startEngine(t, (exchange) => {
      exchange.reply(200, ['X', 'y'], 'no')
      void readBody(exchange.body).then(({ error }) => resolve(error))
    })
    await talk(`${post('abc')}${GET_CLOSE}`)
    assert.ok((await promise) instanceof Error)
  })
})
