import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Exchange } from '../../src/http/exchange.ts'
import { countOf, ok, type RawClient, startEngine } from './engine-fixture.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

suite('drain', () => {
  test('closes idle connections and finishes the busy ones', async (t) => {
    const held: Exchange[] = []
    const options = { drainGraceMs: 0 }
    const { client, engine } = await startEngine(
      t,
      (exchange) => (exchange.target === '/slow' ? held.push(exchange) : ok(exchange)),
      options,
    )
    const idle = await client()
    idle.send(GET)
    await idle.until((text) => text.endsWith('ok'))
    const busy = await client()
    busy.send(GET.replace('/', '/slow') + GET)
    while (held.length === 0) await new Promise((resolve) => setImmediate(resolve))
    engine.drain()
    await idle.ended()
    held[0]?.reply(200, [], 'done')
    await busy.ended()
    assert.match(busy.received, /Connection: close\r\n\r\ndone$/)
    await engine.whenIdle()
    assert.equal(engine.connections, 0)
  })

  test('answers a request that was on its way to a connection just used', async (t) => {
    const { client, engine } = await startEngine(t, ok)
    const raw = await client()
    raw.send(GET)
    await raw.until((text) => text.endsWith('ok'))
    engine.drain()
    raw.send(GET)
    await raw.ended()
    assert.equal(countOf(raw.received, '200 OK'), 2)
    assert.equal(countOf(raw.received, 'Connection: close'), 1)
  })

  test('gives up connections that stay silent', async (t) => {
    const { client, engine } = await startEngine(t, ok, {
      drainGraceMs: 20,
      keepAliveTimeoutMs: 400,
    })
    await (await client()).socket.read()
    const used = await client()
    used.send(GET)
    await used.until((text) => text.endsWith('ok'))
    engine.drain()
    await used.ended()
    await engine.whenIdle()
  })
})

suite('a request that arrived while the event loop was busy', () => {
  const options = { keepAliveTimeoutMs: 40, drainGraceMs: 0 }
  const TICK_MS = 10

  /** A connection whose second request has arrived, but was not read yet. */
  async function startWithUnread(t: TestContext) {
    t.mock.timers.enable({ apis: ['setInterval'] })
    const { client, engine } = await startEngine(t, ok, options)
    const raw = await client()
    raw.send(GET)
    await raw.until((text) => text.endsWith('ok'))
    // Where the engine's own timers run: before the sockets are read.
    await delay(0)
    raw.send(GET)
    return { raw, engine }
  }

  async function assertAnswered(raw: RawClient): Promise<void> {
    await raw.until((text) => countOf(text, '200 OK') === 2)
    assert.equal(raw.reset, false)
  }

  test('is answered though the connection has timed out', async (t) => {
    const { raw } = await startWithUnread(t)
    t.mock.timers.tick(options.keepAliveTimeoutMs + 2 * TICK_MS)
    await assertAnswered(raw)
  })

  test('is answered though idle connections are closed', async (t) => {
    const { raw, engine } = await startWithUnread(t)
    engine.closeIdle()
    await assertAnswered(raw)
  })
})

suite('stop', () => {
  test('cuts everything, and may be called twice', async (t) => {
    const aborted: boolean[] = []
    const { client, engine } = await startEngine(t, (exchange) => {
      exchange.onClose = (value) => aborted.push(value)
    })
    const raw = await client()
    raw.send(GET)
    while (engine.pendingRequests === 0) await new Promise((resolve) => setImmediate(resolve))
    engine.stop()
    engine.stop()
    await raw.ended()
    await engine.whenIdle()
    assert.deepEqual(aborted, [true])
    assert.equal(engine.pendingRequests, 0)
  })
})
