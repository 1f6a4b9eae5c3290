import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import type { NameAnswer, NameQuery } from '../../../src/upstream/names/name-lookup.ts'
import {
  createNameService,
  type NameServiceOptions,
} from '../../../src/upstream/names/name-service.ts'

const WEB: NameQuery = { name: 'web.test', kind: 'host' }
const TTL = { minTtlMs: 1_000, maxTtlMs: 60_000 }

/** A look-up whose answers the test gives, over mocked time. */
function serviceOf(t: TestContext, options: Partial<NameServiceOptions> = {}) {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const open: { query: NameQuery; answer: PromiseWithResolvers<NameAnswer> }[] = []
  const asked: string[] = []
  const lookup = {
    resolve(query: NameQuery) {
      const answer = Promise.withResolvers<NameAnswer>()
      open.push({ query, answer })
      asked.push(query.name)
      return answer.promise
    },
  }
  const events: string[] = []
  const service = createNameService(lookup, {
    ...TTL,
    observer: {
      onFailure: (_, error, hasAnswer) => events.push(`${error.message} ${hasAnswer}`),
      onRecovery: () => events.push('recovery'),
      onAnswer: (_, nodes) => events.push(nodes.map(({ host }) => host).join()),
    },
    ...options,
  })
  t.after(() => service.stop())
  const settled = () => new Promise<void>((resolve) => setImmediate(resolve))
  return {
    service,
    events,
    asked,
    open,
    async answer(hosts: string[], ttlMs = 10_000) {
      open.shift()?.answer.resolve({ nodes: hosts.map((host) => ({ host })), ttlMs })
      await settled()
    },
    async fail(message: string) {
      open.shift()?.answer.reject(new Error(message))
      await settled()
    },
    async pass(ms: number) {
      t.mock.timers.tick(ms)
      await settled()
    },
  }
}

suite('name service', () => {
  test('asks when the TTL is over, and tells of answers that differ', async (t) => {
    const dns = serviceOf(t)
    let changes = 0
    const watch = dns.service.watch(WEB, () => changes++)
    assert.deepEqual([watch.pending, watch.nodes, changes], [true, undefined, 0])
    await dns.answer(['a'])
    assert.deepEqual([watch.pending, watch.nodes, changes], [false, [{ host: 'a' }], 1])
    await dns.pass(9_999)
    assert.equal(dns.asked.length, 1)
    await dns.pass(1_001)
    assert.equal(dns.asked.length, 2)
    await dns.answer(['a'])
    assert.equal(changes, 1)
    await dns.pass(11_000)
    await dns.answer(['b'])
    assert.deepEqual([watch.nodes, changes], [[{ host: 'b' }], 2])
  })

  test('a TTL of 0 does not flood, a long one does not last', async (t) => {
    const dns = serviceOf(t)
    dns.service.watch(WEB, () => {})
    await dns.answer(['a'], 0)
    await dns.pass(999)
    assert.equal(dns.asked.length, 1)
    await dns.pass(101)
    assert.equal(dns.asked.length, 2)
    await dns.answer(['a'], 1e9)
    await dns.pass(66_000)
    assert.equal(dns.asked.length, 3)
  })

  test('the last good answer stays while the resolver fails', async (t) => {
    const dns = serviceOf(t)
    let changes = 0
    const watch = dns.service.watch(WEB, () => changes++)
    await dns.answer(['a'], 1_000)
    await dns.pass(1_100)
    for (let i = 0; i < 5; i++) {
      await dns.fail('timeout')
      await dns.pass(30_000)
    }
    assert.deepEqual(watch.nodes, [{ host: 'a' }])
    assert.deepEqual([dns.service.failures, dns.service.failing, changes], [5, 1, 1])
    await dns.answer(['b'])
    assert.deepEqual(dns.events, ['a', ...Array(5).fill('timeout true'), 'recovery', 'b'])
    assert.equal(dns.service.failing, 0)
  })

  test('a name that was never resolved is pending no longer once it has failed', async (t) => {
    const dns = serviceOf(t)
    let changes = 0
    const watch = dns.service.watch(WEB, () => changes++)
    await dns.fail('nxdomain')
    assert.deepEqual([watch.pending, watch.nodes, changes], [false, undefined, 1])
    await dns.pass(1_000)
    await dns.answer(['a'])
    assert.deepEqual([watch.nodes, changes], [[{ host: 'a' }], 2])
  })

  test('watchers of one name share its look-ups; without any they stop', async (t) => {
    const dns = serviceOf(t)
    const first = dns.service.watch(WEB, () => {})
    const second = dns.service.watch(WEB, () => {})
    await dns.answer(['a'])
    first.stop()
    first.stop()
    await dns.pass(11_000)
    assert.equal(dns.asked.length, 2)
    await dns.answer(['a'])
    second.stop()
    await dns.pass(59_000)
    assert.equal(dns.asked.length, 2)
    const third = dns.service.watch(WEB, () => {})
    assert.deepEqual(third.nodes, [{ host: 'a' }], 'remembered for a while')
    assert.equal(dns.asked.length, 3)
    await dns.answer(['a'])
    third.stop()
    await dns.pass(60_000)
    assert.equal(dns.service.watch(WEB, () => {}).nodes, undefined)
  })

  test('answers of a predecessor serve until there is a better one', (t) => {
    const remembered = new Map([['web.test', [{ host: 'a' }]]])
    const dns = serviceOf(t, { remembered })
    const watch = dns.service.watch(WEB, () => {})
    assert.deepEqual([watch.pending, watch.nodes], [false, [{ host: 'a' }]])
    assert.equal(dns.asked.length, 1)
  })

  test('a host and a service of one name are two questions', (t) => {
    const dns = serviceOf(t)
    dns.service.watch(WEB, () => {})
    dns.service.watch({ ...WEB, kind: 'service' }, () => {})
    assert.equal(dns.asked.length, 2)
  })

  test('many names are asked for a few at a time', async (t) => {
    const dns = serviceOf(t)
    const watches = Array.from({ length: 200 }, (_, i) =>
      dns.service.watch({ name: `n${i}.test`, kind: 'host' }, () => {}),
    )
    assert.equal(dns.asked.length, 64)
    // Given up while it waits its turn.
    watches[150]?.stop()
    while (dns.open.length > 0) await dns.answer(['a'])
    assert.equal(dns.asked.length, 199)
  })
})
