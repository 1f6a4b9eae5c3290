import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { suite, type TestContext, test } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import { checkSettings } from '../../../src/primary/health/check-settings.ts'
import { isUnsendable, type ProbeOutcome, probe } from '../../../src/primary/health/probe.ts'
import { NODE_CERT as CERT, NODE_KEY as KEY } from '../../helpers/node-certificate.ts'

/** Probes a server that does `onConnection`; `active` as in an upstream. */
async function probeServer(
  t: TestContext,
  active: object,
  onConnection: (socket: Socket, received: string) => void,
): Promise<ProbeOutcome> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', (chunk) => onConnection(socket, chunk.toString()))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  return probe({ address: '127.0.0.1', port, hostname: 'node.example' }, settingsOf(active))
}

function settingsOf(active: object) {
  const settings = checkSettings({ checks: { active } } as never)?.active?.probe
  assert.ok(settings)
  return settings
}

suite('a probe', () => {
  test('sends what the configuration says', async (t) => {
    let received = ''
    const active = {
      http_path: '/status',
      http_method: 'POST',
      http_req_body: 'ping',
      req_headers: ['User-Agent: checker'],
    }
    const outcome = await probeServer(t, active, (socket, text) => {
      received = text
      socket.end('HTTP/1.1 204 No Content\r\n\r\n')
    })
    assert.deepEqual(outcome, { kind: 'status', status: 204 })
    assert.equal(
      received,
      'POST /status HTTP/1.1\r\nHost: node.example\r\nConnection: close\r\nContent-Length: 4\r\nUser-Agent: checker\r\n\r\nping',
    )
  })

  test('names the host that the configuration names', async (t) => {
    let received = ''
    await probeServer(t, { host: 'other.example' }, (socket, text) => {
      received = text
      socket.end('HTTP/1.0 200 OK\r\n')
    })
    assert.match(received, /\r\nHost: other\.example\r\n/)
  })

  const answers = [
    { name: 'garbage', send: 'SSH-2.0-x\r\n', outcome: { kind: 'status', status: 0 } },
    { name: 'endless garbage', send: 'x'.repeat(5000), outcome: { kind: 'status', status: 0 } },
    {
      name: 'nothing',
      send: '',
      outcome: { kind: 'tcp', reason: 'closed without an answer' },
    },
  ]
  for (const { name, send, outcome } of answers) {
    test(`that gets ${name}`, async (t) => {
      assert.deepEqual(await probeServer(t, {}, (socket) => socket.end(send)), outcome)
    })
  }

  test('gives up in time', async (t) => {
    const outcome = await probeServer(t, { timeout: 0.05 }, () => {})
    assert.deepEqual(outcome, { kind: 'timeout', reason: 'no answer within 50 ms' })
  })

  test('of a closed port', async () => {
    // Port 1 is nobody's.
    const target = { address: '127.0.0.1', port: 1, hostname: 'x' }
    assert.deepEqual(await probe(target, settingsOf({ type: 'tcp' })), {
      kind: 'tcp',
      reason: 'ECONNREFUSED',
    })
  })

  test('of https trusts no certificate by itself, and sends the name of the node', async (t) => {
    const names: unknown[] = []
    const server = createTlsServer(
      { key: KEY, cert: CERT, ca: [CERT], requestCert: true },
      (socket) => {
        names.push(socket.servername)
        socket.on('error', () => {})
        socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\n'))
      },
    )
    server.on('tlsClientError', () => {})
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => server.close())
    const { port } = server.address() as AddressInfo
    const target = { address: '127.0.0.1', port, hostname: 'node.test' }
    const own = { cert: CERT, key: KEY }
    const https = { ...settingsOf({ type: 'https' }), ...own }
    assert.deepEqual(await probe(target, https), {
      kind: 'tcp',
      reason: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    })
    const answered = { kind: 'status', status: 200 }
    assert.deepEqual(await probe(target, { ...https, trustedCa: [CERT] }), answered)
    const unverified = settingsOf({ type: 'https', https_verify_certificate: false })
    assert.deepEqual(await probe(target, { ...unverified, ...own }), answered)
    assert.equal((await probe(target, unverified)).kind, 'tcp', 'the node wants a certificate')
    const otherName = { ...https, trustedCa: [CERT], host: 'other.test:443' }
    assert.equal((await probe(target, otherName)).kind, 'tcp')
    assert.ok(names.includes('node.test'))
  })

  test('carries no second request', () => {
    const inject = '/ HTTP/1.1\r\n\r\nDELETE /'
    assert.equal(isUnsendable({ path: inject, headers: [] }), true)
    assert.equal(isUnsendable({ path: '/', headers: ['A: b\nC: d'] }), true)
    assert.equal(isUnsendable({ path: '/', headers: ['A: b'] }), false)
  })
})
