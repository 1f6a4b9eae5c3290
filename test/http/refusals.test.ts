import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { countOf, echo, ok, startEngine } from './engine-fixture.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

suite('refusals', () => {
  const cases = [
    {
      name: 'a head that is not well-formed',
      bytes: `GET / HTTP/1.1\r\nA : b\r\n\r\n${GET}`,
      status: 400,
    },
    { name: 'a missing Host', bytes: `GET / HTTP/1.1\r\n\r\n${GET}`, status: 400 },
    { name: 'a TLS greeting', bytes: '\x16\x03\x01\x02\x00\x01\x00', status: 400 },
    { name: 'the HTTP/2 preface', bytes: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', status: 505 },
    { name: 'a long target', bytes: `GET /${'a'.repeat(99)}`, status: 414 },
    {
      name: 'a long head',
      bytes: `GET / HTTP/1.1\r\nHost: a\r\nA: ${'b'.repeat(300)}`,
      status: 431,
    },
    {
      name: 'an announced long body',
      bytes: 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n',
      status: 413,
    },
    {
      name: 'a long chunked body',
      bytes:
        'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n6\r\nabcdef\r\n',
      status: 413,
    },
    {
      name: 'an unknown expectation',
      bytes: `GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n`,
      status: 417,
    },
  ]
  for (const { name, bytes, status } of cases) {
    test(`answers ${name} with ${status} and closes`, async (t) => {
      const limits = { maxUrlBytes: 60, maxHeaderBytes: 256, maxBodyBytes: 10 }
      const { talk, refusals } = await startEngine(t, echo, limits)
      const received = await talk(bytes)
      assert.equal(received.slice(0, 13), `HTTP/1.1 ${status} `)
      assert.equal(countOf(received, 'error_msg'), 1)
      assert.match(received, /\r\nConnection: close\r\n\r\n\{"error_msg":".+"\}\n$/)
      assert.deepEqual(
        refusals.map((refusal) => refusal.status),
        [status],
      )
    })
  }

  test('never repeat what the client sent', async (t) => {
    const { talk } = await startEngine(t, ok)
    assert.equal((await talk('GET /canary#canary HTTP/1.1\r\n\r\n')).includes('canary'), false)
  })

  test('come after the responses to the requests before', async (t) => {
    const { talk } = await startEngine(t, ok)
    const received = await talk(`${GET}${GET}GET / HTTP/1.1\r\n\r\n`)
    const statuses = [...received.matchAll(/HTTP\/1.1 (\d+)/g)].map((match) => match[1])
    assert.deepEqual(statuses, ['200', '200', '400'])
  })

  test('reach a client that is still sending', async (t) => {
    const { client } = await startEngine(t, echo, { maxBodyBytes: 1_000 })
    const raw = await client()
    raw.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\n')
    for (let i = 0; i < 40; i++) raw.send(Buffer.alloc(100_000))
    await raw.ended()
    assert.match(raw.received, /^HTTP\/1.1 413 /)
    assert.equal(raw.reset, false)
  })

  test('end the connection even if the client does not', async (t) => {
    const { client, engine } = await startEngine(t, ok, {
      lingerTimeoutMs: 50,
      headerTimeoutMs: 100,
    })
    const raw = await client()
    raw.send('BAD\r\n')
    await raw.until((text) => text.includes('error_msg'))
    await engine.whenIdle()
  })
})

suite('time-outs', () => {
  const limits = {
    headerTimeoutMs: 100,
    bodyTimeoutMs: 100,
    keepAliveTimeoutMs: 100,
    lingerTimeoutMs: 50,
  }

  test('answer a drip of a head with 408', async (t) => {
    const { client, refusals } = await startEngine(t, ok, limits)
    const raw = await client()
    raw.send('GET / HTTP/1.1\r\n')
    const drip = setInterval(() => raw.send('A: b\r\n'), 20)
    t.after(() => clearInterval(drip))
    await raw.ended()
    clearInterval(drip)
    assert.match(raw.received, /^HTTP\/1.1 408 /)
    assert.deepEqual(
      refusals.map((refusal) => refusal.status),
      [408],
    )
  })

  test('close silently when no byte of a request has come', async (t) => {
    const { talk, refusals } = await startEngine(t, ok, limits)
    assert.equal(await talk(''), '')
    assert.equal(countOf(await talk(GET), 'HTTP/1.1'), 1)
    assert.deepEqual(refusals, [])
  })

  test('answer a stalled body with 408', async (t) => {
    const { talk } = await startEngine(t, echo, limits)
    const received = await talk('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab')
    assert.match(received, /^HTTP\/1.1 408 /)
  })

  test('cut a stalled body when the response has begun', async (t) => {
    const { talk } = await startEngine(
      t,
      (exchange) => {
        exchange.respond(200, '', [], undefined)
        exchange.body?.start({
          onData: () => true,
          onEnd: () => exchange.end(),
          onError: () => undefined,
        })
      },
      limits,
    )
    const received = await talk('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab')
    assert.match(received, /^HTTP\/1.1 200 OK.*chunked\r\n\r\n$/s)
  })

  test('do not run while the handler works or holds the body back', async (t) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const { client } = await startEngine(
      t,
      (exchange) => {
        setTimeout(() => {
          exchange.reply(200, [], 'slow')
          resolve()
        }, 400)
      },
      limits,
    )
    const raw = await client()
    raw.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab`)
    await promise
    await raw.until((text) => text.endsWith('slow'))
  })

  test('cut a client that takes nothing', async (t) => {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const { client } = await startEngine(
      t,
      (exchange) => {
        exchange.onClose = resolve
        exchange.reply(200, [], Buffer.alloc(20_000_000))
      },
      { sendTimeoutMs: 100 },
    )
    const raw = await client()
    raw.socket.pause()
    raw.send(GET)
    assert.equal(await promise, true)
  })

  test('let a slow but steady client take its time', async (t) => {
    const total = 8_000_000
    const { client } = await startEngine(
      t,
      (exchange) => exchange.reply(200, [], Buffer.alloc(total)),
      { sendTimeoutMs: 200 },
    )
    const raw = await client()
    raw.socket.removeAllListeners('data')
    raw.send(GET)
    let taken = 0
    const started = performance.now()
    raw.socket.on('data', (text: string) => {
      taken += text.length
      raw.socket.pause()
      setTimeout(() => raw.socket.resume(), 5)
    })
    while (taken < total) {
      assert.equal(raw.closed, false, `closed after ${taken} bytes`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    assert.ok(performance.now() - started > 400, 'it took longer than the time-out')
  })
})
