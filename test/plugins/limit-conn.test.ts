import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { PluginHost, PluginInstance } from '../../src/plugins/contract.ts'
import limitConn from '../../src/plugins/limit-conn.ts'
import { configure, createRequest, type RequestFacts } from '../helpers/plugin-harness.ts'
import { createQuotaRig } from '../helpers/quota.ts'
import { until } from '../helpers/stack.ts'

const BASE = { conn: 1, burst: 0, default_conn_delay: 0.03, key: 'remote_addr' }

function limiter(config: Record<string, unknown>) {
  const rig = createQuotaRig({ workers: 1 })
  const quota = rig.ledgers[0] as PluginHost['quota']
  return { rig, instance: configure(limitConn, config, { quota }) }
}

async function enter(instance: PluginInstance, facts: RequestFacts = {}) {
  const request = createRequest(facts)
  const startedAt = performance.now()
  const reply = await instance.access?.(request)
  const waitedMs = performance.now() - startedAt
  return { status: reply?.status ?? 200, body: reply?.body, waitedMs, request }
}

suite('limit-conn', () => {
  test('a place is free again when its request is over', async () => {
    const { instance, rig } = limiter({ ...BASE, rejected_msg: 'full' })
    const first = await enter(instance)
    const second = await enter(instance)
    assert.deepEqual([second.status, second.body], [503, { error_msg: 'full' }])
    instance.log?.(second.request)
    assert.equal((await enter(instance)).status, 503)
    instance.log?.(first.request)
    await until(() => rig.service.keys.place === 0)
    assert.equal((await enter(instance)).status, 200)
  })

  test('a request that is over before it got its place gives it back', async () => {
    const { instance, rig } = limiter(BASE)
    const request = createRequest()
    const entering = instance.access?.(request)
    instance.log?.(request)
    await entering
    await until(() => rig.service.keys.place === 0)
    assert.equal((await enter(instance)).status, 200)
  })

  test('requests beyond conn are held back, longer the more there are', async () => {
    const { instance } = limiter({ ...BASE, burst: 3 })
    const waits = (await Promise.all([1, 2, 3, 4, 5].map(() => enter(instance)))).map(
      ({ status, waitedMs }) => [status, Math.floor(waitedMs / 29)],
    )
    assert.deepEqual(waits.map(([status]) => status).sort(), [200, 200, 200, 200, 503])
    assert.ok(Number(waits[3]?.[1]) >= 3, JSON.stringify(waits))
    const { instance: equal } = limiter({ ...BASE, burst: 3, only_use_default_delay: true })
    const all = await Promise.all([1, 2, 3, 4].map(() => enter(equal)))
    assert.ok(Number(all[3]?.waitedMs) >= 29 && Number(all[3]?.waitedMs) < 85)
  })

  test('rules: each has its key; one that refuses leaves the places of the others', async () => {
    const { instance, rig } = limiter({
      default_conn_delay: 0.01,
      rejected_code: 429,
      rules: [
        { conn: 2, burst: 0, key: '$http_company' },
        // biome-ignore lint/suspicious/noTemplateCurlyInString: variables of a request
        { conn: '$http_max', burst: '${http_more ?? 0}', key: '$http_user' },
      ],
    })
    const ann = { headers: ['company', 'c', 'user', 'ann', 'max', '1'] }
    const first = await enter(instance, ann)
    const second = await enter(instance, ann)
    assert.deepEqual([first.status, second.status], [200, 429])
    instance.log?.(second.request)
    instance.log?.(first.request)
    await until(() => rig.service.keys.place === 0)
    assert.equal((await enter(instance)).status, 500)
  })

  test('without an answer of the ledger: 500, or degradation', async () => {
    for (const allow_degradation of [false, true]) {
      const { rig, instance } = limiter({ ...BASE, allow_degradation })
      rig.ledgers[0]?.disconnect()
      assert.equal((await enter(instance)).status, allow_degradation ? 200 : 500)
    }
  })

  const refused: [string, Record<string, unknown>, RegExp][] = [
    ['half of it', { conn: 1, default_conn_delay: 1 }, /conn, burst and key are required/],
    ['both', { ...BASE, rules: [] }, /cannot be specified at the same time/],
    ['a ttl for local places', { ...BASE, key_ttl: 5 }, /key_ttl has no meaning/],
    ['a text that is no number', { ...BASE, conn: 'x' }, /conn must be a whole number/],
  ]
  for (const [name, config, reason] of refused) {
    test(`refuses ${name}`, () => {
      assert.throws(() => configure(limitConn, config), reason)
    })
  }
})
