import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import type { Plugin, PluginInstance } from '../../../src/plugins/contract.ts'
import limitConn from '../../../src/plugins/limit-conn.ts'
import limitCount from '../../../src/plugins/limit-count.ts'
import limitReq from '../../../src/plugins/limit-req.ts'
import { NODE_CERT } from '../../helpers/node-certificate.ts'
import { configure, createRequest, filterResponse } from '../../helpers/plugin-harness.ts'
import {
  findRedis,
  startRedis,
  startRedisCluster,
  startSentinel,
  tlsLines,
} from '../../helpers/redis.ts'
import { until } from '../../helpers/stack.ts'

const program = await findRedis()
if (program === undefined) process.stdout.write('redis-server is not installed: tests skipped\n')

/** An instance that stops when the test ends. */
function configured(
  t: { after(fn: () => void): void },
  plugin: Plugin,
  config: Record<string, unknown>,
): PluginInstance {
  const instance = configure(plugin, config)
  t.after(() => instance.stop?.())
  return instance
}

const statusOf = async (instance: PluginInstance, request = createRequest()) =>
  (await instance.access?.(request))?.status ?? 200

/** How many of `count` requests at once pass, spread over the instances. */
async function passed(instances: readonly PluginInstance[], count: number): Promise<number> {
  const statuses = await Promise.all(
    Array.from({ length: count }, (_, n) =>
      statusOf(instances[n % instances.length] as PluginInstance),
    ),
  )
  assert.deepEqual([...new Set(statuses)].sort(), [200, 503])
  return statuses.filter((status) => status === 200).length
}

suite('limits in Redis', { skip: program === undefined }, () => {
  test('several gateways count together', async (t) => {
    const { port } = await startRedis(t, program ?? '')
    const config = {
      count: 20,
      time_window: 60,
      policy: 'redis',
      redis_host: '127.0.0.1',
      redis_port: port,
    }
    const gateways = [configured(t, limitCount, config), configured(t, limitCount, config)]
    assert.equal(await passed(gateways, 100), 20)
    const request = createRequest()
    const [first] = gateways as [PluginInstance]
    assert.equal(await statusOf(first, request), 503)
    const { headers } = await filterResponse(first, request, {})
    assert.deepEqual(headers.slice(0, 4), ['X-RateLimit-Limit', '20', 'X-RateLimit-Remaining', '0'])
    const sliding = { ...config, window_type: 'sliding' }
    const sliders = [configured(t, limitCount, sliding), configured(t, limitCount, sliding)]
    assert.equal(await passed(sliders, 50), 20)

    const redis = { policy: 'redis', redis_host: '127.0.0.1', redis_port: port }
    const req = { rate: 0.01, burst: 3, nodelay: true, key: 'remote_addr', ...redis }
    assert.equal(await passed([configured(t, limitReq, req), configured(t, limitReq, req)], 20), 4)

    const conn = { conn: 3, burst: 2, default_conn_delay: 0.01, key: 'remote_addr', ...redis }
    const limits = [configured(t, limitConn, conn), configured(t, limitConn, conn)]
    const requests = Array.from({ length: 10 }, () => createRequest())
    const entered = await Promise.all(
      requests.map((one, n) => statusOf(limits[n % 2] as PluginInstance, one)),
    )
    assert.equal(entered.filter((status) => status === 200).length, 5)
    for (const [n, one] of requests.entries()) limits[n % 2]?.log?.(one)
    await until(async () => (await statusOf(limits[0] as PluginInstance)) === 200)
  })

  test('told now and then, it knows of all requests in the end', async (t) => {
    const { port } = await startRedis(t, program ?? '')
    const config = { policy: 'redis', redis_host: '127.0.0.1', redis_port: port }
    const delayed = { count: 20, time_window: 60, sync_interval: 0.1, ...config }
    const [first, second] = [
      configured(t, limitCount, delayed),
      configured(t, limitCount, delayed),
    ] as const
    for (let n = 0; n < 12; n++) assert.equal(await statusOf(first), 200)
    // After the first request nobody waits for Redis.
    assert.equal(first.access?.(createRequest()), undefined)
    await until(async () => {
      const request = createRequest()
      await second.access?.(request)
      const { headers } = await filterResponse(second, request, {})
      return headers[3] === '0'
    })
    await until(async () => (await statusOf(first)) === 503)
    assert.equal(await statusOf(second), 503)
  })

  test('one that is away costs no time: 500, or degradation; it is found again', async (t) => {
    const redis = await startRedis(t, program ?? '', ['requirepass secret', 'maxclients 100'])
    const config = {
      count: 1_000,
      time_window: 60,
      policy: 'redis',
      redis_host: '127.0.0.1',
      redis_port: redis.port,
      redis_timeout: 300,
    }
    const strict = configured(t, limitCount, { ...config, redis_password: 'secret' })
    const lenient = configured(t, limitCount, {
      ...config,
      redis_password: 'secret',
      allow_degradation: true,
    })
    assert.equal(await statusOf(strict), 200)
    assert.equal(await statusOf(configured(t, limitCount, config)), 500)
    redis.freeze()
    assert.deepEqual(await Promise.all([statusOf(strict), statusOf(lenient)]), [500, 200])
    redis.thaw()
    await until(async () => (await statusOf(strict)) === 200)
    await redis.kill()
    await until(async () => (await statusOf(strict)) === 500)
    const startedAt = performance.now()
    for (let n = 0; n < 50; n++) {
      assert.deepEqual(await Promise.all([statusOf(strict), statusOf(lenient)]), [500, 200])
    }
    assert.ok(performance.now() - startedAt < 1_000)
    await redis.start()
    await until(async () => (await statusOf(strict)) === 200)
  })

  test('a cluster, and what a Sentinel names', async (t) => {
    const nodes = await startRedisCluster(t, program ?? '')
    const cluster = {
      policy: 'redis-cluster',
      redis_cluster_nodes: nodes,
      redis_cluster_name: 'test',
    }
    const count = { count: 7, time_window: 60, ...cluster }
    const gateways = [configured(t, limitCount, count), configured(t, limitCount, count)]
    assert.equal(await passed(gateways, 30), 7)
    for (const key of ['a', 'b', 'c', 'd']) {
      const other = configured(t, limitCount, { ...count, key, key_type: 'constant' })
      assert.equal(await passed([other], 10), 7)
    }
    const master = await startRedis(t, program ?? '')
    const sentinel = await startSentinel(t, program ?? '', master)
    const watched = configured(t, limitCount, {
      count: 5,
      time_window: 60,
      policy: 'redis-sentinel',
      redis_sentinels: [{ host: '127.0.0.1', port: sentinel.port }],
      redis_master_name: 'holdfast',
    })
    assert.equal(await passed([watched], 10), 5)
  })

  test('nothing is counted in a database that is not there', async (t) => {
    const { port } = await startRedis(t, program ?? '', ['databases 4'])
    const config = {
      count: 9,
      time_window: 60,
      policy: 'redis',
      redis_host: '127.0.0.1',
      redis_port: port,
    }
    const wrong = configured(t, limitCount, { ...config, redis_database: 4 })
    assert.deepEqual([await statusOf(wrong), await statusOf(wrong)], [500, 500])
    assert.equal(await statusOf(configured(t, limitCount, { ...config, redis_database: 3 })), 200)
  })

  test('over TLS, with certificates that are verified or not', async (t) => {
    const { tlsPort, lines } = await tlsLines(t)
    await startRedis(t, program ?? '', lines)
    const addresses = await startRedisCluster(t, program ?? '', { tls: true })
    const window = { count: 9, time_window: 60 }
    const single = { ...window, policy: 'redis', redis_host: '127.0.0.1', redis_port: tlsPort }
    const cluster = {
      ...window,
      policy: 'redis-cluster',
      redis_cluster_nodes: addresses,
      redis_cluster_name: 'test',
    }
    const verified = [
      { ...single, redis_ssl: true, redis_ssl_verify: true },
      { ...cluster, redis_cluster_ssl: true, redis_cluster_ssl_verify: true },
    ]
    const statuses = (configs: Record<string, unknown>[]) =>
      Promise.all(configs.map((config) => statusOf(configured(t, limitCount, config))))

    const unverified = [
      { ...single, redis_ssl: true },
      { ...cluster, redis_cluster_ssl: true },
    ]
    assert.deepEqual(await statuses(unverified), [200, 200])
    assert.deepEqual(await statuses(verified), [500, 500])
    assert.deepEqual(await statuses([single, cluster]), [500, 500])

    const known = getCACertificates('default')
    t.after(() => setDefaultCACertificates(known))
    setDefaultCACertificates([...known, NODE_CERT])
    const again = verified.map((config) => ({ ...config, redis_timeout: 999 }))
    assert.deepEqual(await statuses(again), [200, 200])
    // Known, but made out to others.
    const named = { ...again[0], redis_host: 'localhost' }
    assert.deepEqual(await statuses([named]), [500])
  })
})
