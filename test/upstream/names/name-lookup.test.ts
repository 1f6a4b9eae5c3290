import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { createNameLookup } from '../../../src/upstream/names/name-lookup.ts'
import { type DnsAnswer, startDnsServer } from '../../helpers/dns-server.ts'

interface Setup {
  names: Record<string, DnsAnswer>
  hosts?: string
  conf?: string
}

async function lookupOf(t: TestContext, { names, hosts = '', conf = '' }: Setup) {
  const server = await startDnsServer(t)
  for (const [name, answer] of Object.entries(names)) server.names.set(name, answer)
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-names-'))
  t.after(() => rm(folder, { recursive: true }))
  const hostsFile = join(folder, 'hosts')
  const resolvConf = join(folder, 'resolv.conf')
  await writeFile(hostsFile, hosts)
  await writeFile(resolvConf, conf)
  const servers = [server.address]
  const lookup = createNameLookup({ servers, timeoutMs: 100, hostsFile, resolvConf })
  const addresses = async (name: string) => {
    const { nodes } = await lookup.resolve({ name, kind: 'host' })
    return nodes.map(({ host }) => host)
  }
  return { server, lookup, addresses }
}

suite('name look-up: hosts', () => {
  test('all addresses, in order, each with its part of the weight, and the shortest TTL', async (t) => {
    const { lookup } = await lookupOf(t, {
      names: { 'web.test': { ttl: 7, a: ['10.0.0.2', '10.0.0.1', '10.0.0.2'] } },
    })
    assert.deepEqual(await lookup.resolve({ name: 'web.test', kind: 'host' }), {
      nodes: [
        { host: '10.0.0.1', weight: 0.5 },
        { host: '10.0.0.2', weight: 0.5 },
      ],
      ttlMs: 7000,
    })
  })

  test('IPv6 where there is no IPv4', async (t) => {
    const { addresses, server } = await lookupOf(t, {
      names: {
        'six.test': { aaaa: ['fd00::1', '::1'] },
        'both.test': { a: ['10.0.0.1'], aaaa: ['fd00::1'] },
      },
    })
    assert.deepEqual(await addresses('six.test'), ['::1', 'fd00::1'])
    assert.deepEqual(await addresses('both.test'), ['10.0.0.1'])
    assert.deepEqual(server.questions, ['six.test a', 'six.test aaaa', 'both.test a'])
  })

  test('an alias is followed', async (t) => {
    const { addresses } = await lookupOf(t, {
      names: { 'alias.test': { cname: 'web.test', a: ['10.0.0.1'] } },
    })
    assert.deepEqual(await addresses('alias.test'), ['10.0.0.1'])
  })

  test('an answer that is too long for UDP comes over TCP', async (t) => {
    const a = Array.from({ length: 100 }, (_, i) => `10.0.1.${i}`)
    const { addresses, server } = await lookupOf(t, { names: { 'many.test': { a } } })
    server.truncate = true
    assert.equal((await addresses('many.test')).length, 100)
  })

  const failures: [answer: DnsAnswer, code: string][] = [
    ['nxdomain', 'ENOTFOUND'],
    [{}, 'ENOTFOUND'],
    ['servfail', 'ESERVFAIL'],
    ['refused', 'EREFUSED'],
    ['silence', 'ETIMEOUT'],
  ]
  for (const [answer, code] of failures) {
    test(`${typeof answer === 'string' ? answer : 'no address'} is ${code}`, async (t) => {
      const { addresses } = await lookupOf(t, { names: { 'bad.test': answer } })
      await assert.rejects(addresses('bad.test'), { code })
    })
  }

  test('a packet that is no answer is a failure', async (t) => {
    const { addresses } = await lookupOf(t, { names: { 'bad.test': 'garbage' } })
    await assert.rejects(addresses('bad.test'))
  })

  test('the hosts file comes first, and localhost needs no server', async (t) => {
    const { addresses, server } = await lookupOf(t, {
      names: { 'web.test': { a: ['10.0.0.1'] } },
      hosts: '10.9.9.9 Web.test\nfd00::9 web.test six.test\n',
    })
    assert.deepEqual(await addresses('WEB.test.'), ['10.9.9.9'])
    assert.deepEqual(await addresses('six.test'), ['fd00::9'])
    assert.deepEqual(await addresses('localhost'), ['127.0.0.1'])
    assert.deepEqual(await addresses('a.localhost'), ['127.0.0.1'])
    assert.deepEqual(server.questions, [])
  })

  test('search domains are tried in order; a failure there is no absence', async (t) => {
    const { addresses, server } = await lookupOf(t, {
      names: { 'web.b.test': { a: ['10.0.0.1'] }, 'db.a.test': 'servfail' },
      conf: 'search a.test b.test\noptions ndots:2\n',
    })
    assert.deepEqual(await addresses('web'), ['10.0.0.1'])
    assert.deepEqual(
      new Set(server.questions),
      new Set(['web.a.test a', 'web.a.test aaaa', 'web.b.test a']),
    )
    await assert.rejects(addresses('db'), { code: 'ESERVFAIL' })
  })
})

suite('name look-up: services', () => {
  test('SRV records say port, weight and priority; targets share the weight', async (t) => {
    const { lookup } = await lookupOf(t, {
      names: {
        '_web._tcp.test': {
          srv: [
            { priority: 1, weight: 10, port: 8001, target: 'a.test' },
            { priority: 2, weight: 0, port: 0, target: 'b.test' },
            { priority: 2, weight: 5, port: 8003, target: 'gone.test' },
          ],
        },
        'a.test': { ttl: 5, a: ['10.0.0.2', '10.0.0.1'] },
        'b.test': { ttl: 3, a: ['10.0.0.3'] },
      },
    })
    assert.deepEqual(await lookup.resolve({ name: '_web._tcp.test', kind: 'service' }), {
      nodes: [
        { host: '10.0.0.1', port: 8001, weight: 5, priority: -1 },
        { host: '10.0.0.2', port: 8001, weight: 5, priority: -1 },
        { host: '10.0.0.3', weight: 1, priority: -2 },
      ],
      ttlMs: 3000,
    })
  })

  test('a target that fails fails all; one that is all there is and gone too', async (t) => {
    const srv = [{ priority: 0, weight: 1, port: 1, target: 'a.test' }]
    const { lookup, server } = await lookupOf(t, {
      names: { 's.test': { srv }, 'a.test': 'servfail' },
    })
    await assert.rejects(lookup.resolve({ name: 's.test', kind: 'service' }), { code: 'ESERVFAIL' })
    server.names.delete('a.test')
    await assert.rejects(lookup.resolve({ name: 's.test', kind: 'service' }), { code: 'ENOTFOUND' })
  })

  test('without SRV records the addresses count, and are asked for first from then on', async (t) => {
    const { lookup, server } = await lookupOf(t, { names: { 'web.test': { a: ['10.0.0.1'] } } })
    const query = { name: 'web.test', kind: 'service' } as const
    assert.deepEqual((await lookup.resolve(query)).nodes, [{ host: '10.0.0.1', weight: 1 }])
    await lookup.resolve(query)
    assert.deepEqual(server.questions, ['web.test srv', 'web.test a', 'web.test a'])
    server.names.set('web.test', {
      srv: [{ priority: 0, weight: 1, port: 7, target: 'localhost' }],
    })
    const { nodes } = await lookup.resolve(query)
    assert.deepEqual(nodes, [{ host: '127.0.0.1', port: 7, weight: 1, priority: -0 }])
  })
})
