import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { suite, type TestContext, test } from 'node:test'
import { createServer, type TLSSocket } from 'node:tls'
import { createClientPool } from '../../src/upstream/client-pool.ts'
import { createUpstream, type UpstreamConfig } from '../../src/upstream/upstream.ts'
import { ok, startNode } from './test-node.ts'
import { TestSink } from './test-sink.ts'

/** Made for this test alone; signed by itself, for node.test and 127.0.0.1. */
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg/Hyhp+6/29+b87an
u7VnnwYzbGy3LnPzJ1dsm9XpUcShRANCAARfsniQC0gWChgE0mdtwzabslgBxqbO
L41xNVscEUMdvcHtYxMvRWxRNdHGdhPYAatCHnlutwR29ozDBngAYtwC
-----END PRIVATE KEY-----
`
const CERT = `-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIUeOHK+BBIjKSFO6zd0tjjFg/297QwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbm9kZS50ZXN0MCAXDTI2MTEyMjAwMDAzNloYDzIxMjYxMDI5
MDAwMDM2WjAUMRIwEAYDVQQDDAlub2RlLnRlc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAARfsniQC0gWChgE0mdtwzabslgBxqbOL41xNVscEUMdvcHtYxMvRWxR
NdHGdhPYAatCHnlutwR29ozDBngAYtwCo28wbTAdBgNVHQ4EFgQUFpwaWRM0hi6N
eItMOsM+3l2EcWswHwYDVR0jBBgwFoAUFpwaWRM0hi6NeItMOsM+3l2EcWswDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglub2RlLnRlc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSAAwRQIhAOpXtpgIJjXUgryfPK+bGOSaGoyyWqFHx9me7LTuHMZSAiAd
gUBECsONQq6H4XBwehLODVJKNgFiGHsAPO1Ypbsnng==
-----END CERTIFICATE-----
`

/** A node that speaks TLS and answers every request; remembers the names it was asked for. */
async function startTlsNode(t: TestContext) {
  const names: (string | false | null)[] = []
  const server = createServer({ key: KEY, cert: CERT }, (socket: TLSSocket) => {
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

async function fetchOver(t: TestContext, port: number, config: Partial<UpstreamConfig> = {}) {
  const upstream = createUpstream(
    {
      nodes: [{ host: '127.0.0.1', port, weight: 1 }],
      scheme: 'https',
      timeouts: { connectMs: 500, sendMs: 1000, readMs: 1000 },
      passHost: 'pass',
      ...config,
    },
    createClientPool(),
  )
  t.after(() => upstream.stop())
  const sinks: TestSink[] = []
  // Different hosts of clients must not lead to different connections.
  for (const authority of ['a.example', 'b.example']) {
    const sink = new TestSink()
    upstream.send({ method: 'GET', path: '/', authority, headers: [], body: undefined }, sink)
    sinks.push(await sink.done)
  }
  return sinks
}

suite('upstream over TLS', () => {
  test('connections are reused whatever host the client named', async (t) => {
    const node = await startTlsNode(t)
    for (const sink of await fetchOver(t, node.port)) assert.equal(sink.text, 'secret')
    assert.deepEqual(node.names, [false])
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
