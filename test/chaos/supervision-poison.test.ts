import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { allServe, startServing } from '../helpers/serving-stack.ts'
import { type Gateway, until } from '../helpers/stack.ts'

const DEADLY = fileURLToPath(new URL('../helpers/deadly-routes.ts', import.meta.url))

/** When the last worker was started, in milliseconds since 1970. */
async function youngestOf(gateway: Gateway): Promise<number> {
  const { workers } = await gateway.sync()
  return Math.max(...workers.map(({ startedAt }: { startedAt: string }) => Date.parse(startedAt)))
}

suite('a revision that workers die of', () => {
  test('is taken back, while all else goes on', async (t) => {
    const { gateway, putRoute } = await startServing(t, { NODE_OPTIONS: `--import=${DEADLY}` })
    await putRoute('2', { uri: '/two', desc: 'good' })
    await putRoute('2', { uri: '/two', desc: 'crash' })
    const line = await gateway.waitForLog('revision refused, taken back')
    await putRoute('3', { uri: '/three' })
    await until(() => allServe(gateway))
    await until(async () => (await fetch(`${gateway.url}/three`)).ok)

    const sync = await gateway.sync()
    assert.deepEqual(
      sync.refusedRevisions.map(({ revision }: { revision: number }) => revision),
      line['revisions'],
    )
    assert.match(sync.degraded, /refused/)
    assert.deepEqual(
      sync.quarantined.map(({ kind, id }: { kind: string; id: string }) => `${kind}/${id}`),
      ['routes/2'],
    )
    assert.equal((await fetch(`${gateway.url}/two`)).status, 200)
    const metrics = await (await fetch(`${gateway.metricsUrl}/metrics`)).text()
    assert.match(metrics, /holdfast_config_refused_revisions_total 1/)

    await putRoute('2', { uri: '/two', desc: 'good again' })
    await until(async () => (await gateway.sync()).degraded === null)
    const deaths = gateway.lines.filter(({ msg }) => msg === 'worker ended, replacing it')
    assert.ok(deaths.length <= 3, `${deaths.length} workers died`)
  })

  test('is taken back when they hang of it, and the report says where', async (t) => {
    const { gateway, putRoute } = await startServing(t, {
      NODE_OPTIONS: `--import=${DEADLY}`,
      HOLDFAST_WORKER_STALL_MS: '1500',
      HOLDFAST_WORKER_STALL_KILL_MS: '3500',
      HOLDFAST_DRAIN_TIMEOUT_MS: '1000',
    })
    // The watch threads start 3 s after the workers.
    await until(async () => Date.now() - (await youngestOf(gateway)) > 4_000)
    await putRoute('2', { uri: '/two', desc: 'hang' })
    const { path } = await gateway.waitForLog('stall report written')
    const { stack } = JSON.parse(await readFile(String(path), 'utf8'))
    assert.match(stack[0], /^hang .*deadly-routes\.ts/)
    await gateway.waitForLog('revision refused, taken back', 40_000)
    await until(() => allServe(gateway), 20_000)
    assert.equal((await fetch(gateway.url)).status, 200)
  })
})
