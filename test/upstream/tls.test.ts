import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { suite, type TestContext, test } from 'node:test'
import { createServer, type TLSSocket, type TlsOptions } from 'node:tls'
import { createClientPool } from '../../src/upstream/client-pool.ts'
import { createTlsContext } from '../../src/upstream/tls-context.ts'
import { createUpstream, type UpstreamConfig } from '../../src/upstream/upstream.ts'
import { NODE_CERT as CERT, NODE_KEY as KEY } from '../helpers/node-certificate.ts'
import { ok, startNode } from './test-node.ts'
import { TestSink } from './test-sink.ts'

/** A node that speaks TLS and answers every request; remembers the names it was asked for. */
async function startTlsNode(t: TestContext, options: TlsOptions = {}) {
  const names: (string | false | null)[] = []
  const server = createServer({ key: KEY, cert: CERT, ...options }, (socket: TLSSocket) => {
    names.push(socket.servername)
    socket.on('error', () => {})
    socket.on('data', () => socket.write(ok('secret')))
  })
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return { port: (server.address() as AddressInfo).port, names }
}

interface Fetch extends Partial<UpstreamConfig> {
  authorities?: string[]
}

async function fetchOver(_t: TestContext, port: number, options: Fetch = {}) {
  const { authorities = ['a.example', 'b.example'], ...config } = options
  const clients = createClientPool()
  const upstream = createUpstream(
    {
      nodes: [{ host: '127.0.0.1', port, weight: 1 }],
      scheme: 'https',
      timeouts: { connectMs: 500, sendMs: 1000, readMs: 1000 },
      passHost: 'pass',
      ...config,
    },
    clients,
  )
  const sinks: TestSink[] = []
  for (const authority of authorities) {
    const sink = new TestSink()
    upstream.send({ method: 'GET', path: '/', authority, headers: [], body: undefined }, sink)
    sinks.push(await sink.done)
  }
  const clientsInUse = clients.size
  upstream.stop()
  assert.equal(clients.size, 0)
  return Object.assign(sinks, { clientsInUse })
}

suite('upstream over TLS', () => {
  test("the client's host is the name asked for; equal ones share connections", async (t) => {
    const node = await startTlsNode(t)
    const authorities = ['a.example', 'b.example:8443', 'A.example:1', '127.0.0.1', '[::1]:1', '']
    for (const sink of await fetchOver(t, node.port, { authorities })) {
      assert.equal(sink.text, 'secret')
    }
    assert.deepEqual(node.names, ['a.example', 'b.example', false])
  })

  test('clients can not make up any number of connections', async (t) => {
    const node = await startTlsNode(t)
    const authorities = Array.from({ length: 80 }, (_, i) => `host-${i}.example`)
    const { clientsInUse } = await fetchOver(t, node.port, { authorities })
    assert.equal(clientsInUse, 65)
  })

  test('a rewritten host is the name asked for', async (t) => {
    const node = await startTlsNode(t)
    const config = { passHost: 'rewrite', upstreamHost: 'node.test' } as const
    for (const sink of await fetchOver(t, node.port, config)) assert.equal(sink.text, 'secret')
    assert.deepEqual(node.names, ['node.test'])
  })

  test('a certificate that can not be verified is a connect error, if asked to check', async (t) => {
    const node = await startTlsNode(t)
    for (const sink of await fetchOver(t, node.port, { verifyTls: true })) {
      assert.equal(sink.error?.code, 'GW_UPSTREAM_CONNECT')
      assert.equal(sink.error?.safeToRetry, true)
    }
  })

  test('a certificate is verified against the trusted authorities and the name', async (t) => {
    const node = await startTlsNode(t)
    const config = { verifyTls: true, tls: createTlsContext({ ca: [CERT] }) }
    const [good, bad] = await fetchOver(t, node.port, {
      ...config,
      authorities: ['node.test', 'other.test'],
    })
    assert.equal(good?.text, 'secret')
    assert.equal(bad?.error?.code, 'GW_UPSTREAM_CONNECT')
    assert.match(bad?.error?.message ?? '', /ERR_TLS_CERT_ALTNAME_INVALID/)
  })

  test('a node that asks for a certificate gets it', async (t) => {
    const node = await startTlsNode(t, { requestCert: true, ca: [CERT] })
    const tls = createTlsContext({ cert: CERT, key: KEY })
    const [good] = await fetchOver(t, node.port, { tls })
    assert.equal(good?.text, 'secret')
    const [bad] = await fetchOver(t, node.port)
    assert.ok(bad?.error)
    assert.throws(() => createTlsContext({ cert: CERT, key: 'x' }), { code: 'GW_CONFIG_INVALID' })
  })

  test('a node that never shakes hands runs into the connect time-out', async (t) => {
    const node = await startNode(t, () => {})
    const [sink] = await fetchOver(t, node.port, {
      timeouts: { connectMs: 50, sendMs: 1000, readMs: 1000 },
    })
    assert.equal(sink?.error?.code, 'GW_UPSTREAM_TIMEOUT')
    assert.equal(sink?.error?.safeToRetry, true)
  })

  test('a node that does not speak TLS is a connect error', async (t) => {
    const node = await startNode(t, (socket, received) => {
      if (received !== '') socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')
    })
    const [sink] = await fetchOver(t, node.port)
    assert.equal(sink?.error?.code, 'GW_UPSTREAM_CONNECT')
  })
})
