import assert from 'node:assert/strict'
import { Agent, request } from 'node:http'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type PluginStack, startPluginStack } from '../helpers/plugin-stack.ts'
import { until } from '../helpers/stack.ts'

const WORKERS = 4

test('limits over all workers', async (t) => {
  const held = new Set<() => void>()
  let cut = 0
  const stack = await startPluginStack(
    t,
    { HOLDFAST_WORKERS: String(WORKERS) },
    (received, response) => {
      if (received.url?.endsWith('/hold')) {
        held.add(() => response.end('held'))
        response.on('close', () => {
          if (!response.writableEnded) cut += 1
        })
        return
      }
      response.statusCode = received.url?.endsWith('/fail') ? 500 : 200
      response.end('ok')
    },
  )
  const { gateway, put, route, call, upstream } = stack

  await t.test('10 000 requests, limit 1 000: exactly 1 000 pass', async () => {
    const limit = { count: 1_000, time_window: 600, key: 'all', key_type: 'constant' }
    await route('many', { 'limit-count': { ...limit, rejected_code: 429 } })
    const statuses = await flood(`${gateway.url}/many/`, 10_000)
    assert.deepEqual(statuses, { 200: 1_000, 429: 9_000 })
  })

  await t.test('remaining counts go down by one, whichever workers requests reach', async () => {
    await route('few', { 'limit-count': { count: 30, time_window: 600, rejected_msg: 'enough' } })
    for (let n = 29; n >= 0; n--) {
      const { status, headers } = await call('/few/')
      assert.deepEqual([status, headers['x-ratelimit-remaining']], [200, String(n)])
      assert.equal(headers['x-ratelimit-limit'], '30')
    }
    const refused = await call('/few/')
    assert.deepEqual([refused.status, refused.json], [503, { error_msg: 'enough' }])
    assert.equal(refused.headers['x-ratelimit-remaining'], '0')
    const reset = Number(refused.headers['x-ratelimit-reset'])
    assert.ok(reset > 500 && reset <= 600, `${reset}`)
  })

  await t.test('a window rolls over for all workers', async () => {
    await route('window', { 'limit-count': { count: 3, time_window: 1 } })
    const statusesOf = async () => (await flood(`${gateway.url}/window/`, 40))[200]
    assert.equal(await statusesOf(), 3)
    const { headers } = await call('/window/')
    await delay(Number(headers['x-ratelimit-reset']) * 1_000 + 20)
    assert.equal(await statusesOf(), 3)
  })

  await t.test('a group counts together, a sliding window slides', async () => {
    const plugin = { count: 2, time_window: 600, group: 'g1' }
    await route('group-a', { 'limit-count': plugin })
    await route('group-b', { 'limit-count': plugin })
    const statuses = []
    for (const path of ['/group-a/', '/group-b/', '/group-a/', '/group-b/']) {
      statuses.push((await call(path)).status)
    }
    assert.deepEqual(statuses, [200, 200, 503, 503])
    await route('sliding', {
      'limit-count': { count: 20, time_window: 600, window_type: 'sliding' },
    })
    assert.deepEqual(await flood(`${gateway.url}/sliding/`, 100), { 200: 20, 503: 80 })
  })

  await t.test('limit-conn: places are given back, also when the client leaves', async () => {
    const limit = { conn: 2, burst: 0, default_conn_delay: 0.1, key: 'remote_addr' }
    await route('conn', { 'limit-conn': { ...limit, rejected_code: 429 } })
    const first = openRequest(`${gateway.url}/conn/hold`)
    openRequest(`${gateway.url}/conn/hold`)
    await until(() => held.size === 2)
    for (let n = 0; n < 8; n++) assert.equal((await call('/conn/')).status, 429)
    first.socket?.resetAndDestroy()
    await until(async () => (await call('/conn/')).status === 200)
    await until(() => cut === 1)
    for (const release of held) release()
    await until(async () => {
      const both = await Promise.all([call('/conn/'), call('/conn/')])
      return both.every(({ status }) => status === 200)
    })
    await until(async () => {
      const metrics = await (await fetch(`${gateway.metricsUrl}/metrics`)).text()
      return metrics.includes('holdfast_quota_keys{kind="place"} 0')
    })
  })

  await t.test('limit-conn: a client that closes while its node is silent has left', async () => {
    const limit = { conn: 1, burst: 0, default_conn_delay: 0.1, key: 'remote_addr' }
    await route('gone', { 'limit-conn': { ...limit, rejected_code: 429 } })
    held.clear()
    cut = 0
    const left = openRequest(`${gateway.url}/gone/hold`)
    await until(() => held.size === 1)
    assert.equal((await call('/gone/')).status, 429)
    // As whoever gives up waiting does: an end, not a reset.
    left.destroy()
    await until(() => cut === 1)
    await until(async () => (await call('/gone/')).status === 200)
    await until(async () => {
      const metrics = await (await fetch(`${gateway.metricsUrl}/metrics`)).text()
      return /^holdfast_http_requests_total\{.*"499".*\} 2$/m.test(metrics)
    })
  })

  await t.test('limit-req: what comes too fast is held back or refused', async () => {
    await route('req', { 'limit-req': { rate: 10, burst: 2, key: 'remote_addr' } })
    const startedAt = performance.now()
    const answers = await Promise.all(Array.from({ length: 8 }, () => call('/req/')))
    const passed = answers.filter(({ status }) => status === 200).length
    assert.ok(passed === 3 || passed === 4, `${passed}`)
    assert.ok(performance.now() - startedAt >= 150)
  })

  await t.test('api-breaker: all workers know that a node fails', async () => {
    const breaker = { break_response_code: 502, break_response_body: 'broken' }
    await route('breaker', { 'api-breaker': { ...breaker, unhealthy: { failures: 2 } } })
    for (let n = 0; n < 2; n++) assert.equal((await call('/breaker/fail')).status, 500)
    await until(async () => {
      const answers = await Promise.all(Array.from({ length: 8 }, () => call('/breaker/fail')))
      return answers.every(({ status, text }) => status === 502 && text === 'broken')
    })
    assert.equal((await call('/breaker/other')).status, 200)
  })

  await t.test('a worker dies in the middle: never more than the limit', async () => {
    const limit = { count: 2_000, time_window: 600, key: 'all', key_type: 'constant' }
    await route('death', { 'limit-count': { ...limit, rejected_code: 429 } })
    await flood(`${gateway.url}/death/`, 300)
    const pid = (await gateway.sync()).workers[0]?.pid
    const running = flood(`${gateway.url}/death/`, 3_000)
    process.kill(Number(pid), 'SIGKILL')
    const passed = 300 + ((await running)[200] ?? 0)
    assert.ok(passed <= 2_000 && passed > 1_000, `${passed}`)
    assert.equal((await call('/death/')).status, 429)
  })

  await t.test('counters outlive a reload and changes elsewhere', async () => {
    await put('/routes/else', { uri: '/else', upstream })
    gateway.child.kill('SIGHUP')
    await gateway.waitForLog('drained worker ended')
    for (let n = 0; n < 8; n++) assert.equal((await call('/few/')).status, 503)
  })

  await t.test('what makes no sense is refused', () => refusals(stack))
})

async function refusals({ refusal, upstream }: PluginStack): Promise<void> {
  const cases: [object, RegExp][] = [
    [{ 'limit-count': { count: 1 } }, /count and time_window are required/],
    [{ 'limit-count': { count: 1, time_window: 1, policy: 'redis' } }, /"redis_host" is required/],
    [
      { 'limit-count': { count: 1, time_window: 1, redis_host: '127.0.0.1' } },
      /redis_host has no meaning/,
    ],
    [{ 'limit-count': { count: 1, time_window: 1, rules: [] } }, /cannot be specified/],
    [{ 'limit-count': { count: 'x', time_window: 1 } }, /count must be a whole number/],
    [{ 'limit-req': { rate: 0, burst: 0, key: 'a' } }, /rate/],
    [{ 'limit-conn': { conn: 1, default_conn_delay: 1 } }, /conn, burst and key are required/],
    [{ 'api-breaker': { break_response_code: 100 } }, /break_response_code/],
  ]
  for (const [plugins, expected] of cases) {
    assert.match(await refusal('/routes/refused', { uri: '/refused', upstream, plugins }), expected)
  }
}

function openRequest(url: string) {
  const sent = request(url, { agent: false })
  sent.on('error', () => {})
  sent.end()
  return sent
}

/** Many requests over some connections; how often each status came, 0 for none. */
async function flood(url: string, count: number): Promise<Record<number, number>> {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 })
  const statuses: Record<number, number> = {}
  let left = count
  const client = async () => {
    while (left > 0) {
      left -= 1
      const status = await statusOf(url, agent)
      statuses[status] = (statuses[status] ?? 0) + 1
    }
  }
  await Promise.all(Array.from({ length: 16 }, client))
  agent.destroy()
  return statuses
}

function statusOf(url: string, agent: Agent): Promise<number> {
  return new Promise((resolve) => {
    const sent = request(url, { agent }, (response) => {
      response.resume()
      response.on('end', () => resolve(response.statusCode ?? 0))
      response.on('error', () => resolve(0))
    })
    sent.on('error', () => resolve(0))
    sent.end()
  })
}
