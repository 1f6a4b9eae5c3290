import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, get } from 'node:http'
import { connect, type Socket } from 'node:net'
import { suite, type TestContext, test } from 'node:test'
import { startServing } from '../helpers/serving-stack.ts'
import { type Gateway, until } from '../helpers/stack.ts'
import { startLoad } from '../helpers/steady-load.ts'

/** A connection to the gateway with what it has received so far. */
async function open(
  t: TestContext,
  gateway: Gateway,
): Promise<{ socket: Socket; text: () => string }> {
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1')
  let received = ''
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1')
  })
  socket.on('error', () => {})
  t.after(() => socket.destroy())
  await once(socket, 'connect')
  return { socket, text: () => received }
}

function ask(
  url: string,
  agent: Agent,
): Promise<{ status: number; retryAfter: unknown; ms: number }> {
  const startedAt = performance.now()
  return new Promise((resolve, reject) => {
    get(url, { agent }, (response) => {
      response.resume().on('end', () => {
        const ms = performance.now() - startedAt
        const retryAfter = response.headers['retry-after']
        resolve({ status: response.statusCode ?? 0, retryAfter, ms })
      })
    }).on('error', reject)
  })
}

async function metricOf(gateway: Gateway, name: string): Promise<number> {
  const text = await (await fetch(`${gateway.metricsUrl}/metrics`)).text()
  const line = text.split('\n').find((each) => each.startsWith(`${name} `))
  return Number(line?.slice(name.length + 1) ?? 0)
}

suite('a worker at its limits', () => {
  test('refuses further connections politely, and takes new ones when some left', async (t) => {
    const { gateway } = await startServing(t, { HOLDFAST_HTTP_MAX_CONNECTIONS: '5' }, 1)
    await until(async () => (await gateway.sync()).workers[0].connections === 0, 20_000)
    const held = await Promise.all(Array.from({ length: 5 }, () => open(t, gateway)))
    const refused = await open(t, gateway)
    refused.socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await once(refused.socket, 'end')
    assert.match(refused.text(), /^HTTP\/1\.1 503 .*retry-after: 1\r\nconnection: close\r\n/s)

    held[0]?.socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    await until(() => held[0]?.text().startsWith('HTTP/1.1 200') ?? false)
    await until(async () => (await ask(gateway.url, new Agent())).status === 200)
    await until(
      async () => (await metricOf(gateway, 'holdfast_shed_total{reason="connections"}')) >= 1,
    )
  })

  test('sheds requests beyond the pending ones at once', async (t) => {
    const { gateway, waiting } = await startServing(
      t,
      {
        HOLDFAST_HTTP_MAX_PENDING_REQUESTS: '10',
        HOLDFAST_HEALTH_PATH: '/healthz',
      },
      1,
    )
    const agent = new Agent({ keepAlive: true })
    t.after(() => agent.destroy())
    const slow = Array.from({ length: 10 }, () => ask(`${gateway.url}/slow`, agent))
    await until(() => waiting.length === 10)
    const shed = await ask(gateway.url, agent)
    assert.equal(shed.status, 503)
    assert.equal(shed.retryAfter, '1')
    assert.equal((await ask(`${gateway.url}/healthz`, agent)).status, 200)
    for (const answer of waiting) answer()
    for (const { status } of await Promise.all(slow)) assert.equal(status, 200)
    assert.equal((await ask(gateway.url, agent)).status, 200)
  })
})

suite('slow clients', () => {
  test('hold up nobody', async (t) => {
    const { gateway } = await startServing(t, { HOLDFAST_HTTP_HEADER_TIMEOUT_MS: '4000' }, 1)
    const slow = await Promise.all(Array.from({ length: 400 }, () => open(t, gateway)))
    for (const { socket } of slow) socket.write('GET / HTTP/1.1\r\nHost: a\r\nX: ')
    const drip = setInterval(() => {
      for (const { socket } of slow) socket.write('y')
    }, 200)
    t.after(() => clearInterval(drip))
    const readers = await Promise.all(Array.from({ length: 100 }, () => open(t, gateway)))
    for (const { socket } of readers) {
      socket.pause()
      socket.write('GET /big HTTP/1.1\r\nHost: a\r\n\r\n')
    }
    const load = startLoad(gateway.url, 8)
    const { port } = new URL(gateway.url)
    assert.ok(port)
    // All 500 are there while the load runs, and the slow heads end in 408 after 4 s.
    await until(() => slow.every(({ text }) => text().startsWith('HTTP/1.1 408')), 25_000)
    const { sent, failures } = await load.stop()
    t.diagnostic(`${sent} requests, ${failures.length} failed`)
    assert.deepEqual(failures, [])
  })
})
