import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createClientPool } from '../../src/upstream/client-pool.ts'
import { NamedClients } from '../../src/upstream/named-clients.ts'
import type { NodeOrigin } from '../../src/upstream/node-origin.ts'

const ORIGIN: NodeOrigin = {
  scheme: 'https',
  host: '127.0.0.1',
  port: 443,
  servername: undefined,
  verify: false,
}

suite('named clients', () => {
  test('a request that outlives them leaves nothing behind', () => {
    const pool = createClientPool()
    const nameless = pool.acquire(ORIGIN)
    const named = new NamedClients(pool, ORIGIN, undefined, nameless)
    named.clientFor('a.example')
    named.stop()
    assert.equal(named.clientFor('b.example').origin.servername, 'b.example')
    pool.release(nameless)
    assert.equal(pool.size, 0)
  })
})
