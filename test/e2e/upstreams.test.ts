import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { suite, type TestContext, test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { startDnsServer } from '../helpers/dns-server.ts'
import { type ControlPlane, startStack, until } from '../helpers/stack.ts'
import { startNode } from '../helpers/upstream-node.ts'
import { certificateFor } from '../model/schemas/certificates.ts'

/** Puts an object and waits until every worker serves it. */
async function put(control: ControlPlane, path: string, body: object): Promise<void> {
  const { status, body: answer } = await control.admin('PUT', `${path}?wait=all`, body)
  assert.ok(status === 200 || status === 201, JSON.stringify(answer))
}

/** Answers the name in the client's certificate. */
async function startMutualTls(t: TestContext, ca: string[]): Promise<number> {
  const server = createServer({ ...certificateFor('node.test'), requestCert: true, ca })
  server.on('request', ({ socket }, response) => {
    response.end(String((socket as TLSSocket).getPeerCertificate().subject?.CN))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return (server.address() as AddressInfo).port
}

suite('upstreams', () => {
  test('balancers, names and certificates', async (t) => {
    const dns = await startDnsServer(t)
    const { control, gateway } = await startStack(t, {
      env: {
        HOLDFAST_DNS_RESOLVERS: dns.address,
        HOLDFAST_DNS_MIN_TTL_MS: '100',
        HOLDFAST_DNS_TIMEOUT_MS: '300',
      },
    })
    const text = async (path: string, headers: Record<string, string> = {}) => {
      const response = await fetch(`${gateway.url}${path}`, { headers })
      return response.ok ? response.text() : `${response.status}`
    }

    await t.test('a key has one node, whichever worker gets it', async () => {
      const nodes = await Promise.all(
        ['a', 'b', 'c'].map((name) => startNode(t, name, (_, response) => response.end(name))),
      )
      await put(control, '/routes/hash', {
        uri: '/hash',
        upstream: {
          type: 'chash',
          hash_on: 'header',
          key: 'X-Session',
          nodes: Object.fromEntries(nodes.map(({ address }) => [address, 1])),
        },
      })
      const seen = new Set<string>()
      for (const session of ['s1', 's2', 's3', 's4', 's5', 's6', 's7', 's8']) {
        const send = () => text('/hash', { 'x-session': session, connection: 'close' })
        const answers = new Set(await Promise.all([send(), send(), send(), send()]))
        assert.equal(answers.size, 1, session)
        for (const answer of answers) seen.add(answer)
      }
      assert.ok(seen.size > 1)
    })

    for (const type of ['least_conn', 'ewma']) {
      await t.test(`${type} passes over a node that is gone`, async () => {
        const node = await startNode(t, 'n', (_, response) => response.end('n'))
        const nodes = { [node.address]: 1, '127.0.0.1:1': 1 }
        await put(control, '/routes/type', { uri: '/type', upstream: { type, nodes } })
        for (let i = 0; i < 6; i++) assert.equal(await text('/type'), 'n')
      })
    }

    await t.test(
      'a name that was resolved serves on when DNS is gone, in new workers too',
      async () => {
        const node = await startNode(t, 'named', ({ headers }, response) => {
          response.end(headers.host)
        })
        dns.names.set('web.test', { ttl: 0, a: ['127.0.0.1'] })
        const upstream = {
          type: 'roundrobin',
          pass_host: 'node',
          nodes: { [`web.test:${node.port}`]: 1 },
        }
        await put(control, '/routes/name', { uri: '/name', upstream })
        const expected = `web.test:${node.port}`
        assert.equal(await text('/name'), expected)
        dns.names.set('web.test', 'silence')
        const asked = dns.questions.length
        await dns.asked((questions) => questions.length > asked)
        await gateway.waitForLog('name not resolved, last answer serves on')
        const { workers } = await gateway.sync()
        for (const { pid } of workers) process.kill(pid, 'SIGKILL')
        await until(async () => {
          const now = (await gateway.sync()).workers as { pid: number; serving: boolean }[]
          return (
            now.length === 2 &&
            now.every(({ pid }) => !workers.some((old: { pid: number }) => old.pid === pid))
          )
        })
        for (let i = 0; i < 4; i++)
          assert.equal(await text('/name', { connection: 'close' }), expected)
        // With the next heartbeat.
        await until(async () => {
          const metrics = await fetch(`${gateway.metricsUrl}/metrics`)
          return /holdfast_dns_failures_total [1-9]/.test(await metrics.text())
        })
      },
    )

    await t.test('a name that was never resolved: 503, and a log line that names it', async () => {
      const upstream = { type: 'roundrobin', nodes: { 'gone.test:80': 1 } }
      await put(control, '/routes/gone', { uri: '/gone', upstream })
      assert.equal(await text('/gone'), '503')
      const { name } = await gateway.waitForLog('name not resolved, its nodes are unknown')
      assert.equal(name, 'gone.test')
    })

    await t.test('discovery_type dns: nodes of SRV records', async () => {
      const node = await startNode(t, 'srv', (_, response) => response.end('srv'))
      const record = { priority: 1, weight: 1, port: node.port, target: 'localhost' }
      dns.names.set('_web._tcp.test', { srv: [record] })
      const upstream = { type: 'roundrobin', discovery_type: 'dns', service_name: '_web._tcp.test' }
      await put(control, '/routes/srv', { uri: '/srv', upstream })
      assert.equal(await text('/srv'), 'srv')
    })

    await t.test(
      'client certificates: inline, of an ssls object, and its next version',
      async () => {
        const [first, second] = [certificateFor('first.test'), certificateFor('second.test')]
        const port = await startMutualTls(t, [first.cert, second.cert])
        const upstreamWith = (tls: object) => ({
          type: 'roundrobin',
          scheme: 'https',
          nodes: { [`127.0.0.1:${port}`]: 1 },
          tls,
        })
        const inline = { client_cert: first.cert, client_key: first.key }
        await put(control, '/routes/inline', { uri: '/inline', upstream: upstreamWith(inline) })
        assert.equal(await text('/inline'), 'first.test')
        await put(control, '/ssls/client', { ...first, type: 'client' })
        await put(control, '/upstreams/tls', upstreamWith({ client_cert_id: 'client' }))
        await put(control, '/routes/tls', { uri: '/tls', upstream_id: 'tls' })
        assert.equal(await text('/tls'), 'first.test')
        await put(control, '/ssls/client', { ...second, type: 'client' })
        assert.equal(await text('/tls'), 'second.test')
        const verified = upstreamWith({ ...inline, verify: true })
        await put(control, '/routes/inline', { uri: '/inline', upstream: verified })
        assert.equal(await text('/inline'), '502')
      },
    )

    const refused: [body: object, reason: RegExp][] = [
      [{ discovery_type: 'nacos', service_name: 's' }, /discovery_type.*: nacos$/],
      [
        { discovery_type: 'dns', service_name: 's', discovery_args: { group_name: 'g' } },
        /discovery_args/,
      ],
      [{ nodes: {}, scheme: 'grpc' }, /scheme/],
      [{ nodes: {}, type: 'chash', hash_on: 'vars_combinations', key: '$post_arg_a' }, /"key"/],
      [{ nodes: {}, holdfast: { retry_budget: { share: 2 } } }, /share/],
    ]
    for (const [body, reason] of refused) {
      await t.test(`refused: ${JSON.stringify(body)}`, async () => {
        const { status, body: answer } = await control.admin('PUT', '/upstreams/bad', body)
        assert.equal(status, 400)
        assert.match(answer.error_msg, reason)
      })
    }
  })
})
