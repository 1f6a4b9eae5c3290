import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { suite, type TestContext, test } from 'node:test'
import * as tls from 'node:tls'
import type { Exchange } from '../../src/http/exchange.ts'
import type { HttpEngine, HttpEngineOptions } from '../../src/http/http-engine.ts'
import { NODE_CERT, NODE_KEY } from '../helpers/node-certificate.ts'
import { RawClient, startEngine } from './engine-fixture.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const POST = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc'
const HALF_CLOSE_TIMEOUT_MS = 200
/** Long enough for the engine to have seen an end, too short to act on it. */
const ARRIVAL_MS = HALF_CLOSE_TIMEOUT_MS / 4
const MANY_TICKS_MS = 3 * HALF_CLOSE_TIMEOUT_MS

interface Waiting {
  exchange: Exchange
  raw: RawClient
  engine: HttpEngine
  /** How long after the start the exchange was over; undefined while it is not. */
  overAfterMs(): number | undefined
  /** Whether it was aborted, once it is over. */
  over: Promise<boolean>
}

type Connect = (engine: HttpEngine, port: number, t: TestContext) => Promise<RawClient>

/** A client whose request waits for an answer that nobody gives. */
async function startWaiting(
  t: TestContext,
  options: HttpEngineOptions = { halfCloseTimeoutMs: HALF_CLOSE_TIMEOUT_MS },
  request = GET,
  connect: Connect = (_engine, port) => RawClient.open(port, t),
): Promise<Waiting> {
  const { promise: begun, resolve: begin } = Promise.withResolvers<Exchange>()
  const { promise: over, resolve: end } = Promise.withResolvers<boolean>()
  let overAt: number | undefined
  const { engine, port } = await startEngine(
    t,
    (exchange) => {
      exchange.onClose = (aborted) => {
        overAt = performance.now()
        end(aborted)
      }
      begin(exchange)
    },
    options,
  )
  const raw = await connect(engine, port, t)
  raw.send(request)
  const exchange = await begun
  const startedAt = performance.now()
  const overAfterMs = () => (overAt === undefined ? undefined : overAt - startedAt)
  return { exchange, raw, engine, overAfterMs, over }
}

/** Hands the engine connections that come through TLS. */
async function connectTls(engine: HttpEngine, _port: number, t: TestContext): Promise<RawClient> {
  const server = tls.createServer({ key: NODE_KEY, cert: NODE_CERT }, (socket) =>
    engine.accept(socket),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const socket = tls.connect({ port, host: '127.0.0.1', ca: NODE_CERT })
  socket.allowHalfOpen = true
  await once(socket, 'secureConnect')
  t.after(() => socket.destroy())
  return new RawClient(socket)
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

suite('a client that shuts its side while it waits', () => {
  const ways = [
    { name: 'a request', request: GET },
    { name: 'a request whose body nobody has asked for', request: POST },
    { name: 'a request with others behind it', request: GET + GET },
  ]
  for (const { name, request } of ways) {
    test(`is taken to have left after a while: ${name}`, async (t) => {
      const { raw, over, overAfterMs, engine } = await startWaiting(t, undefined, request)
      raw.socket.end()
      assert.equal(await over, true)
      assert.ok((overAfterMs() ?? 0) >= HALF_CLOSE_TIMEOUT_MS, `${overAfterMs()} ms`)
      await raw.ended()
      assert.equal(raw.received, '')
      await engine.whenIdle()
      assert.equal(engine.pendingRequests, 0)
    })
  }

  test('is taken to have left at once if told so', async (t) => {
    const options = { halfCloseTimeoutMs: 0, keepAliveTimeoutMs: 60_000 }
    const { raw, over, overAfterMs } = await startWaiting(t, options)
    raw.socket.end()
    assert.equal(await over, true)
    assert.ok((overAfterMs() ?? 1_000) < 400, `${overAfterMs()} ms: less than a tick`)
  })

  test('gets an answer that comes before that', async (t) => {
    const { raw, exchange, over } = await startWaiting(t)
    raw.socket.end()
    setTimeout(() => exchange.reply(200, [], 'late'), HALF_CLOSE_TIMEOUT_MS / 4)
    await raw.ended()
    assert.match(raw.received, /Connection: close\r\n\r\nlate$/)
    assert.equal(await over, false)
  })

  test('is left alone once it was sent something', async (t) => {
    const { raw, exchange, over } = await startWaiting(t)
    raw.socket.end()
    await after(ARRIVAL_MS)
    exchange.respond(200, '', [], undefined)
    exchange.write(Buffer.from('first'))
    await after(MANY_TICKS_MS)
    exchange.write(Buffer.from('second'))
    exchange.end()
    await raw.ended()
    assert.match(raw.received, /first.*second.*0\r\n\r\n$/s)
    assert.equal(await over, false)
  })

  test('has left if it was sent nothing since, whatever came before', async (t) => {
    const { raw, exchange, over } = await startWaiting(t)
    exchange.respond(200, '', [], undefined)
    exchange.write(Buffer.from('first'))
    await raw.until((text) => text.includes('first'))
    raw.socket.end()
    assert.equal(await over, true)
  })

  test('has left if what it is sent meets a closed socket', async (t) => {
    const { raw, exchange, over } = await startWaiting(t)
    raw.socket.destroy()
    await after(ARRIVAL_MS)
    exchange.respond(200, '', [], undefined)
    exchange.write(Buffer.from('first'))
    // Nothing else is written: the engine has to ask.
    assert.equal(await over, true)
  })

  test('may have its body read slowly', async (t) => {
    const { raw, exchange, over } = await startWaiting(t, undefined, POST)
    raw.socket.end()
    await after(HALF_CLOSE_TIMEOUT_MS / 2)
    const onEnd = () => {
      setTimeout(() => exchange.reply(200, [], 'read'), (HALF_CLOSE_TIMEOUT_MS * 3) / 4)
    }
    exchange.body?.start({ onData: () => true, onEnd, onError() {} })
    await raw.ended()
    assert.ok(raw.received.endsWith('read'))
    assert.equal(await over, false)
  })

  test('through TLS: has left, or gets what comes in time', async (t) => {
    const left = await startWaiting(t, undefined, GET, connectTls)
    left.raw.socket.end()
    assert.equal(await left.over, true)
    const stays = await startWaiting(t, undefined, GET, connectTls)
    stays.raw.socket.end()
    await after(ARRIVAL_MS)
    stays.exchange.respond(200, '', [], undefined)
    stays.exchange.write(Buffer.from('first'))
    await after(MANY_TICKS_MS)
    stays.exchange.end()
    assert.equal(await stays.over, false)
    await stays.raw.ended()
    assert.match(stays.raw.received, /first\r\n0\r\n\r\n$/)
  })

  test('through TLS: has left if what it is sent meets a closed socket', async (t) => {
    const { raw, exchange, over } = await startWaiting(t, undefined, GET, connectTls)
    raw.socket.destroy()
    await after(ARRIVAL_MS)
    exchange.respond(200, '', [], undefined)
    exchange.write(Buffer.from('first'))
    assert.equal(await over, true)
  })
})

suite('a client that resets its connection', () => {
  test('has left at once', async (t) => {
    const { raw, over, overAfterMs } = await startWaiting(t, { halfCloseTimeoutMs: 60_000 })
    raw.socket.resetAndDestroy()
    assert.equal(await over, true)
    assert.ok((overAfterMs() ?? 1_000) < 400, `${overAfterMs()} ms: less than a tick`)
  })
})
