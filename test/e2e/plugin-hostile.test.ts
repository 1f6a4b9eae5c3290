import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { startPluginStack } from '../helpers/plugin-stack.ts'
import { until } from '../helpers/stack.ts'

const HOSTILE_PLUGINS = join(import.meta.dirname, '../helpers/hostile-plugins.js')
/** More than what the plugin that waits takes. */
const DRAIN_TIMEOUT_MS = 3_000

test('hostile plugins in a running gateway', async (t) => {
  const stack = await startPluginStack(t, {
    HOLDFAST_PLUGINS: HOSTILE_PLUGINS,
    HOLDFAST_DRAIN_TIMEOUT_MS: String(DRAIN_TIMEOUT_MS),
  })
  const { gateway, route, call } = stack
  const workers = async () => (await gateway.sync()).workers.map(({ pid }: { pid: number }) => pid)
  const inFlight = async () => {
    const text = await (await fetch(`${gateway.metricsUrl}/metrics`)).text()
    return Number(/^holdfast_http_requests_in_flight\S* (\d+)/m.exec(text)?.[1])
  }
  const before = await workers()

  await t.test('promises that fail unheard end no worker', async () => {
    const phases = ['rewrite', 'access', 'headerFilter', 'bodyFilter', 'log']
    for (const phase of phases) {
      await route('forget', { hostile: { phase, deed: 'forget' } })
      assert.equal((await call('/forget/')).status, 200, phase)
    }
    for (const phase of ['headerFilter', 'log']) {
      await route('forget', { hostile: { phase, deed: 'async' } })
      assert.equal((await call('/forget/')).status, 200, phase)
    }
    await route('late', { hostile: { deed: 'late' } })
    await route('spoil', { hostile: { deed: 'spoil' } })
    for (let i = 0; i < 10; i++) {
      assert.equal((await call('/late/')).status, 500)
      assert.equal((await call('/spoil/')).status, 502)
    }
    await gateway.waitForLog('promise failed unheard')
    assert.deepEqual(await workers(), before)
  })

  await t.test(
    'a request that a client gave up is over, whatever its plugin waits for',
    async () => {
      await route('never', { hostile: { deed: 'never' } })
      const { hostname, port } = new URL(gateway.url)
      const sockets = await Promise.all(
        Array.from({ length: 20 }, async () => {
          const socket = connect(Number(port), hostname)
          await once(socket, 'connect')
          socket.write('GET /never/ HTTP/1.1\r\nHost: a\r\n\r\n')
          return socket
        }),
      )
      await until(async () => (await inFlight()) === 20)
      for (const socket of sockets) socket.resetAndDestroy()
      await until(async () => (await inFlight()) === 0)
    },
  )

  await t.test('a replaced worker finishes what waits in a plugin', async () => {
    await route('wait', { hostile: { deed: 'wait', waitMs: 2_000 } })
    const answers = Array.from({ length: 10 }, () => call('/wait/'))
    // Not until all are: on a busy machine the first have their answer by then.
    await until(async () => (await inFlight()) > 0)
    gateway.child.kill('SIGHUP')
    for (const { status } of await Promise.all(answers)) assert.equal(status, 200)
    await until(async () => {
      const now = await workers()
      return now.length === 2 && now.every((pid: number) => !before.includes(pid))
    })
  })

  await t.test('a plugin that never answers does not keep a drain from ending', async () => {
    const { hostname, port } = new URL(gateway.url)
    const socket = connect(Number(port), hostname)
    socket.on('error', () => undefined)
    await once(socket, 'connect')
    socket.write('GET /never/ HTTP/1.1\r\nHost: a\r\n\r\n')
    await until(async () => (await inFlight()) === 1)
    const startedAt = performance.now()
    assert.equal(await gateway.stop(), 0)
    assert.ok(performance.now() - startedAt < DRAIN_TIMEOUT_MS + 8_000)
    socket.destroy()
  })
})
