import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { Exchange } from '../../src/http/exchange.ts'
import { readBody, startEngine } from './engine-fixture.ts'

const PIECES = [
  'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n',
  'GET / HTTP/1.0\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: a\r\nConn',
  'hello',
  '5\r\nhello\r\n',
  '0\r\n\r\n',
  'x'.repeat(100_000),
]

/** Ways to answer, some of them wrong. */
const BEHAVIOURS: ((exchange: Exchange) => void)[] = [
  (exchange) => exchange.reply(200, [], 'now'),
  (exchange) => setImmediate(() => exchange.reply(200, [], 'later')),
  (exchange) => exchange.abort(),
  (exchange) => exchange.reply(200, [], Buffer.alloc(1_000_000)),
  (exchange) => {
    void readBody(exchange.body).then(({ body }) => exchange.reply(200, [], body))
  },
  (exchange) => {
    exchange.respond(200, '', [], undefined)
    exchange.write(Buffer.from('abc'))
    setImmediate(() => exchange.abort())
  },
  (exchange) => {
    exchange.respond(200, '', [], undefined)
    void readBody(exchange.body).then(() => exchange.end())
  },
  (exchange) => {
    exchange.body?.start({ onData: () => false, onEnd: () => undefined, onError: () => undefined })
    setImmediate(() => exchange.reply(200, [], 'unread'))
  },
  (exchange) => exchange.end(),
]

suite('clients and handlers that misbehave together', () => {
  test('leave nothing behind', async (t) => {
    let began = 0
    let ended = 0
    const { engine, client } = await startEngine(
      t,
      (exchange) => {
        const behave = BEHAVIOURS[began++ % BEHAVIOURS.length]
        exchange.onClose = () => ended++
        behave?.(exchange)
      },
      { headerTimeoutMs: 100, bodyTimeoutMs: 100, keepAliveTimeoutMs: 100, lingerTimeoutMs: 50 },
    )
    const property = fc.asyncProperty(
      fc.array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 5 }),
      fc.constantFrom('end', 'reset', 'destroy', 'wait'),
      fc.boolean(),
      async (pieces, leave, reads) => {
        const { socket } = await client()
        if (!reads) socket.pause()
        for (const piece of pieces) socket.write(piece, 'latin1')
        await new Promise((resolve) => setImmediate(resolve))
        if (leave === 'end') socket.end()
        else if (leave === 'reset') socket.resetAndDestroy()
        else if (leave === 'destroy') socket.destroy()
        assert.ok(engine.pendingRequests <= engine.connections)
      },
    )
    await fc.assert(property, { numRuns: 300 })
    await engine.whenIdle()
    assert.equal(engine.pendingRequests, 0)
    assert.equal(ended, began)
    assert.ok(began > 100)
  })
})
