import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { PluginHost, PluginInstance } from '../../src/plugins/contract.ts'
import limitCount from '../../src/plugins/limit-count.ts'
import {
  configure,
  createRequest,
  filterResponse,
  type RequestFacts,
} from '../helpers/plugin-harness.ts'
import { createQuotaRig } from '../helpers/quota.ts'

/** Instances that share a ledger, as those of one gateway do. */
function gateway() {
  const rig = createQuotaRig({ workers: 1 })
  const quota = rig.ledgers[0] as PluginHost['quota']
  const create = (config: Record<string, unknown>, host: Partial<PluginHost> = {}) =>
    configure(limitCount, config, { quota, ...host })
  return { rig, create }
}

/** Status and limit headers of one request. */
async function send(instance: PluginInstance, facts: RequestFacts = {}) {
  const request = createRequest(facts)
  const reply = await instance.access?.(request)
  const { headers } = await filterResponse(instance, request, {})
  const fields: Record<string, string> = {}
  for (let n = 0; n < headers.length; n += 2) fields[String(headers[n])] = String(headers[n + 1])
  return { status: reply?.status ?? 200, body: reply?.body, fields }
}

async function statuses(instance: PluginInstance, all: readonly RequestFacts[]) {
  const result: number[] = []
  for (const facts of all) result.push((await send(instance, facts)).status)
  return result
}

const header = (name: string, value: string): RequestFacts => ({ headers: [name, value] })

suite('limit-count', () => {
  test('counts by address, and says what is left', async () => {
    const limit = gateway().create({ count: 2, time_window: 60 })
    const first = await send(limit)
    assert.deepEqual(first.fields, {
      'X-RateLimit-Limit': '2',
      'X-RateLimit-Remaining': '1',
      'X-RateLimit-Reset': '60',
    })
    assert.equal((await send(limit)).fields['X-RateLimit-Remaining'], '0')
    const refused = await send(limit)
    assert.deepEqual([refused.status, refused.body], [503, undefined])
    assert.equal(refused.fields['X-RateLimit-Remaining'], '0')
    assert.equal((await send(limit, { remoteAddress: '192.0.2.9' })).status, 200)
  })

  const keys = [
    { name: 'a variable', key: 'http_a', type: 'var' },
    { name: 'variables', key: '$http_a $http_b', type: 'var_combination' },
  ]
  for (const { name, key, type } of keys) {
    test(`counts by ${name}, and by the address of requests without`, async () => {
      const limit = gateway().create({ count: 1, time_window: 60, key, key_type: type })
      const all = [header('a', '1'), header('a', '1'), header('a', '2'), {}, {}]
      assert.deepEqual(await statuses(limit, all), [200, 503, 200, 200, 503])
    })
  }

  test('a constant counts everybody together', async () => {
    const limit = gateway().create({ count: 1, time_window: 60, key_type: 'constant', key: 'k' })
    const all = [{ remoteAddress: '192.0.2.1' }, { remoteAddress: '192.0.2.2' }]
    assert.deepEqual(await statuses(limit, all), [200, 503])
  })

  test('owners count for themselves, groups together, changed limits anew', async () => {
    const { create } = gateway()
    const owner = (id: string) => ({ owner: { kind: 'routes', id } }) as Partial<PluginHost>
    const plain = { count: 1, time_window: 60 }
    assert.equal((await send(create(plain, owner('a')))).status, 200)
    assert.equal((await send(create(plain, owner('b')))).status, 200)
    assert.equal((await send(create(plain, owner('a')))).status, 503)
    assert.equal((await send(create({ ...plain, rejected_msg: 'x' }, owner('a')))).status, 200)
    const group = { ...plain, group: 'g' }
    assert.equal((await send(create(group, owner('a')))).status, 200)
    assert.equal((await send(create(group, owner('b')))).status, 503)
  })

  test('status, message and headers as configured', async () => {
    const { create } = gateway()
    const metadata = () => ({ limit_header: 'L', remaining_header: 'R', reset_header: 'T' })
    const limit = create(
      { count: 1, time_window: 5, rejected_code: 429, rejected_msg: 'slow' },
      {
        metadata,
      },
    )
    assert.deepEqual((await send(limit)).fields, { L: '1', R: '0', T: '5' })
    const refused = await send(limit)
    assert.deepEqual([refused.status, refused.body], [429, { error_msg: 'slow' }])
    const quiet = create({ count: 1, time_window: 6, show_limit_quota_header: false })
    assert.deepEqual((await send(quiet)).fields, {})
  })

  test('numbers may come from variables', async () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: variables of a request
    const limit = gateway().create({ count: '${http_count ?? 2}', time_window: '$http_window' })
    const facts = (count: string): RequestFacts => ({ headers: ['count', count, 'window', '60'] })
    assert.equal((await send(limit, facts('5'))).fields['X-RateLimit-Remaining'], '4')
    assert.equal((await send(limit, facts('3'))).fields['X-RateLimit-Remaining'], '1')
    const bad = ['0', '-1', '1.5', 'x', '9007199254740993']
    assert.deepEqual(await statuses(limit, bad.map(facts)), [500, 500, 500, 500, 500])
    assert.equal((await send(limit, header('count', '1'))).status, 500)
    const lenient = { count: '$http_count', time_window: 60, allow_degradation: true }
    assert.equal((await send(gateway().create(lenient), header('count', 'x'))).status, 200)
  })

  test('rules apply one after the other, each with its headers', async () => {
    const limit = gateway().create({
      rejected_code: 429,
      rules: [
        { count: 3, time_window: 60, key: '$http_company', header_prefix: 'company' },
        { count: 2, time_window: 60, key: '$http_user' },
      ],
    })
    const ann: RequestFacts = { headers: ['company', 'c', 'user', 'ann'] }
    const { fields } = await send(limit, ann)
    assert.equal(fields['X-company-RateLimit-Remaining'], '2')
    assert.equal(fields['X-2-RateLimit-Remaining'], '1')
    assert.deepEqual(await statuses(limit, [ann, ann]), [200, 429])
    // The refused request counted for the company, whose rule comes first.
    assert.equal((await send(limit, header('company', 'c'))).status, 429)
    assert.equal((await send(limit, header('user', 'bob'))).status, 200)
    assert.equal((await send(limit)).status, 500)
  })

  test('a sliding window counts what is left of the one before', async () => {
    const { rig, create } = gateway()
    rig.clock.now = 600_000
    const limit = create({ count: 4, time_window: 60, window_type: 'sliding' })
    assert.deepEqual(await statuses(limit, [{}, {}, {}, {}, {}]), [200, 200, 200, 200, 503])
    rig.clock.now = 690_000
    assert.deepEqual(await statuses(limit, [{}, {}, {}]), [200, 200, 503])
  })

  test('without an answer of the ledger: 500, or degradation', async () => {
    const { rig, create } = gateway()
    const strict = create({ count: 1, time_window: 60 })
    const lenient = create({ count: 1, time_window: 60, allow_degradation: true })
    rig.ledgers[0]?.disconnect()
    const failed = await send(strict)
    assert.deepEqual([failed.status, failed.body], [500, { error_msg: 'failed to limit count' }])
    assert.equal((await send(lenient)).status, 200)
  })

  const DELAYED = {
    count: 1,
    time_window: 9,
    policy: 'redis',
    redis_host: 'h1',
    sync_interval: 1,
  }
  const refused: [string, Record<string, unknown>, RegExp][] = [
    ['nothing', {}, /count and time_window are required/],
    ['half', { count: 1 }, /count and time_window are required/],
    ['both', { count: 1, time_window: 1, rules: [] }, /cannot be specified at the same time/],
    ['a group of rules', { group: 'g', rules: [] }, /group and rules/],
    [
      'a key twice',
      {
        rules: [
          { count: 1, time_window: 1, key: '$a' },
          { count: 2, time_window: 2, key: '$a' },
        ],
      },
      /duplicate key '\$a' in rules/,
    ],
    ['a text that is no number', { count: 'ten', time_window: 1 }, /count must be a whole number/],
    ['an empty text', { count: ' ', time_window: 1 }, /count must be a whole number/],
    ['delays without Redis', { count: 1, time_window: 9, sync_interval: 1 }, /policy local/],
    ['delays below 0.1 s', { ...DELAYED, sync_interval: 0 }, /not be smaller than 0.1/],
    ['delays as long as a window', { ...DELAYED, sync_interval: 9 }, /smaller than time_window/],
    ['delays of sliding windows', { ...DELAYED, window_type: 'sliding' }, /always up to date/],
    ['Redis without host', { count: 1, time_window: 1, policy: 'redis' }, /"redis_host"/],
    [
      'a cluster without name',
      { count: 1, time_window: 1, policy: 'redis-cluster', redis_cluster_nodes: ['a:1'] },
      /"redis_cluster_name"/,
    ],
    [
      'a node that is none',
      {
        count: 1,
        time_window: 1,
        policy: 'redis-cluster',
        redis_cluster_nodes: ['a:b'],
        redis_cluster_name: 'n',
      },
      /"a:b" is not host:port/,
    ],
    [
      'a field of another policy',
      { count: 1, time_window: 1, policy: 'redis', redis_host: 'h1', redis_master_name: 'm' },
      /redis_master_name has no meaning/,
    ],
  ]
  for (const [name, config, reason] of refused) {
    test(`refuses ${name}`, () => {
      assert.throws(() => configure(limitCount, config), reason)
    })
  }
})
