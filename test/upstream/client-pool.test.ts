import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createClientPool } from '../../src/upstream/client-pool.ts'
import type { NodeOrigin } from '../../src/upstream/node-origin.ts'

const origin: NodeOrigin = {
  scheme: 'http',
  host: '127.0.0.1',
  port: 1,
  servername: undefined,
  verify: false,
}

suite('client pool', () => {
  test('shares a client between equal origins until the last one lets go', () => {
    const pool = createClientPool()
    const first = pool.acquire(origin)
    assert.equal(pool.acquire({ ...origin }), first)
    pool.release(first)
    assert.equal(pool.size, 1)
    pool.release(first)
    assert.equal(pool.size, 0)
    pool.release(first)
    assert.notEqual(pool.acquire(origin), first)
  })

  const different: Partial<NodeOrigin>[] = [
    { port: 2 },
    { host: '127.0.0.2' },
    { host: '::1' },
    { scheme: 'https' },
    { scheme: 'https', servername: 'a' },
    { scheme: 'https', servername: 'a', verify: true },
  ]
  test('keeps different origins apart', () => {
    const pool = createClientPool()
    const clients = different.map((part) => pool.acquire({ ...origin, ...part }))
    assert.equal(new Set(clients).size, different.length)
    for (const client of clients) pool.release(client)
    assert.equal(pool.size, 0)
  })
})
