import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { suite, type TestContext, test } from 'node:test'
import { createClientPool } from '../../src/upstream/client-pool.ts'
import { createNameLookup } from '../../src/upstream/names/name-lookup.ts'
import { createNameService } from '../../src/upstream/names/name-service.ts'
import { createUpstream, type UpstreamConfig } from '../../src/upstream/upstream.ts'
import type { UpstreamNode } from '../../src/upstream/upstream-node.ts'
import { type DnsAnswer, startDnsServer } from '../helpers/dns-server.ts'
import { TestSink } from './test-sink.ts'

const REFRESH_MS = 100

/** A node on every address of the loopback network; answers where it was met, and as whom. */
async function startEcho(t: TestContext): Promise<number> {
  const server = createServer(({ socket, headers }, response) => {
    response.end(`${socket.localAddress} ${headers.host}`)
  })
  server.listen(0, '0.0.0.0')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return (server.address() as AddressInfo).port
}

interface Setup extends Partial<UpstreamConfig> {
  names: Record<string, DnsAnswer>
}

async function setup(t: TestContext, { names, ...config }: Setup) {
  const dns = await startDnsServer(t)
  for (const [name, answer] of Object.entries(names)) dns.names.set(name, answer)
  const lookup = createNameLookup({ servers: [dns.address], timeoutMs: 300 })
  const ttl = { minTtlMs: REFRESH_MS, maxTtlMs: REFRESH_MS }
  const service = createNameService(lookup, ttl)
  t.after(() => service.stop())
  const clients = createClientPool()
  const seen: UpstreamNode[][] = []
  const upstream = createUpstream(
    {
      nodes: [],
      scheme: 'http',
      timeouts: { connectMs: 2000, sendMs: 1000, readMs: 1000 },
      passHost: 'pass',
      ...config,
    },
    clients,
    { onNodes: (nodes) => seen.push([...nodes]) },
    service,
  )
  t.after(() => upstream.stop())
  const send = () => {
    const sink = new TestSink()
    const request = { method: 'GET', path: '/', authority: 'c.test', headers: [], body: undefined }
    return Object.assign(sink, { call: upstream.send(request, sink) })
  }
  return { dns, upstream, clients, seen, send, service }
}

suite('upstream: names', () => {
  test('the first request waits for the answer; then addresses share the load', async (t) => {
    const port = await startEcho(t)
    const { send, upstream, dns } = await setup(t, {
      names: { 'web.test': { a: ['127.0.0.2', '127.0.0.3'] } },
      nodes: [{ host: 'web.test', port, weight: 4 }],
      passHost: 'node',
    })
    assert.deepEqual(upstream.nodes, [])
    const first = [send(), send()]
    const texts = await Promise.all(first.map(async ({ done }) => (await done).text))
    assert.deepEqual(texts.sort(), [`127.0.0.2 web.test:${port}`, `127.0.0.3 web.test:${port}`])
    assert.deepEqual(
      upstream.nodes.map(({ address, name, weight }) => ({ address, name, weight })),
      [
        { address: `127.0.0.2:${port}`, name: 'web.test', weight: 2 },
        { address: `127.0.0.3:${port}`, name: 'web.test', weight: 2 },
      ],
    )
    assert.equal(dns.questions.length, 1)
  })

  test('a name that can not be resolved is an error that names it, at once from then on', async (t) => {
    const { send, dns, upstream } = await setup(t, {
      names: {},
      nodes: [{ host: 'gone.test', port: 1, weight: 1 }],
    })
    const { error } = await send().done
    assert.equal(error?.code, 'GW_UPSTREAM_NO_NODE')
    assert.match(error?.message ?? '', /gone\.test/)
    dns.names.set('gone.test', { a: ['127.0.0.2'] })
    const before = dns.questions.length
    assert.equal((await send().done).error?.code, 'GW_UPSTREAM_NO_NODE')
    assert.equal(dns.questions.length, before, 'no request asks')
    await dns.asked((questions) => questions.length > before)
    while (upstream.nodes.length === 0) await new Promise(setImmediate)
  })

  test('requests go where the name says now, and stay there when DNS dies', async (t) => {
    const port = await startEcho(t)
    const { send, dns, seen, clients } = await setup(t, {
      names: { 'web.test': { ttl: 0, a: ['127.0.0.2', '127.0.0.3'] } },
      nodes: [{ host: 'web.test', port, weight: 1 }],
    })
    await send().done
    const [, [stays] = []] = seen
    assert.ok(stays)
    stays.available = false
    dns.names.set('web.test', { ttl: 0, a: ['127.0.0.4', '127.0.0.2'] })
    while (seen.length < 3) await new Promise(setImmediate)
    assert.equal(
      seen[2]?.find(({ host }) => host === '127.0.0.2'),
      stays,
      'the same object',
    )
    assert.equal((await send().done).text, '127.0.0.4 c.test')
    dns.names.set('web.test', 'servfail')
    const before = dns.questions.length
    await dns.asked((questions) => questions.length >= before + 2)
    assert.equal((await send().done).text, '127.0.0.4 c.test')
    assert.equal(clients.size, 2)
  })

  test('a service of SRV records: ports, priorities, and its own port before theirs', async (t) => {
    const port = await startEcho(t)
    const names: Record<string, DnsAnswer> = {
      's.test': {
        srv: [
          { priority: 1, weight: 1, port, target: 'a.test' },
          { priority: 2, weight: 1, port, target: 'b.test' },
        ],
      },
      'a.test': { a: ['127.0.0.2'] },
      'b.test': { a: ['127.0.0.3'] },
    }
    const free = { name: 's.test', port: undefined, defaultPort: 80 }
    const service = await setup(t, { names, service: free, passHost: 'node' })
    for (let i = 0; i < 2; i++) {
      assert.equal((await service.send().done).text, `127.0.0.2 127.0.0.2:${port}`)
    }
    assert.deepEqual(
      service.upstream.nodes.map(({ priority }) => priority),
      [-1, -2],
    )
    const fixed = await setup(t, { names, service: { ...free, port: 9 } })
    await fixed.send().done
    assert.deepEqual(
      fixed.upstream.nodes.map((node) => node.port),
      [9, 9],
    )
    const plain = await setup(t, { names, service: { ...free, name: 'a.test' } })
    await plain.send().done
    assert.deepEqual(
      plain.upstream.nodes.map(({ address }) => address),
      ['127.0.0.2:80'],
    )
  })

  test('records of a service that lead to one place are one node', async (t) => {
    const srv = { priority: 0, weight: 1, port: 9 }
    const records = [
      { ...srv, target: 'a.test' },
      { ...srv, target: 'b.test', weight: 2 },
    ]
    const names: Record<string, DnsAnswer> = {
      's.test': { srv: records },
      'a.test': { a: ['127.0.0.2'] },
      'b.test': { a: ['127.0.0.2'] },
    }
    const service = { name: 's.test', port: undefined, defaultPort: 80 }
    const { upstream, send, dns, clients, seen } = await setup(t, { names, service })
    const waits = send()
    while (upstream.nodes.length === 0) await new Promise(setImmediate)
    await waits.done
    const [node] = upstream.nodes
    assert.ok(node)
    assert.deepEqual([upstream.nodes.length, node.weight], [1, 3])
    const other = clients.acquire(node.client.origin)
    dns.names.set('s.test', { srv: [...records, { ...srv, target: 'b.test', weight: 3 }] })
    while (seen.length < 3) await new Promise(setImmediate)
    assert.deepEqual(upstream.nodes, [node])
    assert.equal(node.weight, 6)
    upstream.stop()
    assert.equal(clients.size, 1, 'what others use is released once')
    clients.release(other)
  })

  test('a request that waits ends with the connect time-out, or when its client goes', async (t) => {
    const { send } = await setup(t, {
      names: { 'slow.test': 'silence' },
      nodes: [{ host: 'slow.test', port: 1, weight: 1 }],
      timeouts: { connectMs: 50, sendMs: 1000, readMs: 1000 },
    })
    const gone = send()
    gone.call.abort()
    const { error } = await send().done
    assert.equal(error?.code, 'GW_UPSTREAM_NO_NODE')
    assert.equal(gone.outcomes, 0)
  })

  test('the failure of one name does not prolong the wait for another', async (t) => {
    const connectMs = 400
    const { send, service } = await setup(t, {
      names: { 'slow.test': 'silence' },
      nodes: [
        { host: 'slow.test', port: 1, weight: 1 },
        { host: 'gone.test', port: 1, weight: 1 },
      ],
      timeouts: { connectMs, sendMs: 1000, readMs: 1000 },
    })
    const timer = t.mock.method(globalThis, 'setTimeout')
    const { done } = send()
    while (service.failures === 0) await new Promise(setImmediate)
    assert.equal((await done).error?.code, 'GW_UPSTREAM_NO_NODE')
    const waits = timer.mock.calls.filter(({ arguments: [, ms] }) => ms === connectMs)
    assert.equal(waits.length, 1)
  })

  test('requests that wait while their upstream is replaced get their answer', async (t) => {
    const port = await startEcho(t)
    const { send, upstream, seen, clients } = await setup(t, {
      names: { 'web.test': { a: ['127.0.0.2'] } },
      nodes: [{ host: 'web.test', port, weight: 1 }],
    })
    const waiting = [send(), send()]
    upstream.stop()
    for (const { done } of waiting) assert.equal((await done).text, '127.0.0.2 c.test')
    assert.deepEqual(seen.at(-1), [])
    assert.equal(clients.size, 0)
  })

  test('addresses need no DNS', async (t) => {
    const port = await startEcho(t)
    const nodes = [
      { host: '127.0.0.5', port, weight: 1 },
      { host: 'gone.test', port, weight: 1 },
    ]
    const { send } = await setup(t, { names: { 'gone.test': 'silence' }, nodes })
    for (let i = 0; i < 3; i++) assert.equal((await send().done).text, '127.0.0.5 c.test')
  })
})
