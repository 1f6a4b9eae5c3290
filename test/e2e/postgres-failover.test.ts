import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { agreesWith, startFleet, warnings, writtenAt } from '../helpers/failover-fleet.ts'
import { query } from '../helpers/postgres-cluster.ts'
import { startControl, until } from '../helpers/stack.ts'
import { startLoad } from '../helpers/steady-load.ts'

suite('PostgreSQL failover', () => {
  test('the primary dies, its standby takes over: writes and gateways follow', async (t) => {
    const { pair, control, gateway, put } = await startFleet(t)
    await pair.caughtUp()
    const load = startLoad(`${gateway.url}/base`)
    await pair.primary.kill()
    assert.equal((await put('refused')).status, 503)
    await until(async () => !(await gateway.sync()).source.connected)
    await pair.promote()
    const promotedAt = performance.now()
    const writableMs = (await writtenAt(() => put('after'))) - promotedAt
    await until(async () => (await fetch(`${gateway.url}/after`)).ok)
    const followedMs = performance.now() - promotedAt
    await until(() => agreesWith(gateway, pair.standby.url))
    assert.equal((await put('next')).status, 201)
    const nextAt = performance.now()
    await until(async () => (await fetch(`${gateway.url}/next`)).ok)
    const nextMs = performance.now() - nextAt
    const { sent, failures } = await load.stop()
    t.diagnostic(
      `after promotion: first write ${Math.round(writableMs)} ms, served ${Math.round(followedMs)} ms, ` +
        `next change ${Math.round(nextMs)} ms; ${sent} requests, ${failures.length} failed`,
    )
    assert.ok(writableMs < 5_000)
    assert.deepEqual(failures, [])
    assert.equal(warnings(gateway, 'history diverged, snapshot loaded'), 0)
    assert.equal(warnings(control, 'history diverged, snapshot loaded'), 0)
  })

  test('the old primary comes back and takes writes: nobody goes back to it', async (t) => {
    const { pair, control, gateway, put } = await startFleet(t)
    await pair.caughtUp()
    await pair.primary.kill()
    await pair.promote()
    await writtenAt(() => put('after'))
    await until(async () => (await fetch(`${gateway.url}/after`)).ok)
    // First in the list, and as writable as ever.
    await pair.primary.start()
    await pair.standby.stop()
    await until(async () => !(await gateway.sync()).source.connected)
    assert.equal((await put('split')).status, 503)
    await until(async () => /left behind/.test((await gateway.sync()).source.reason))
    assert.match((await put('split')).body.error_msg, /left behind by a promotion/)
    assert.equal((await fetch(`${gateway.url}/after`)).status, 200)

    // Whoever starts now has seen nothing: but it asks both.
    await pair.standby.start()
    const fresh = await startControl(t, pair.url)
    // On a busy machine the one that has just started is passed over at first, for 200 ms are gone.
    await until(async () => (await fresh.admin('GET', '/routes/after')).status === 200)
    await fresh.waitForLog('database host not used')
    await writtenAt(() => put('joined'))
    await until(async () => (await fetch(`${gateway.url}/joined`)).ok)
    await until(() => agreesWith(gateway, pair.standby.url))
    const [stale] = await query(pair.primary.url, "SELECT FROM config_resource WHERE id = 'split'")
    assert.equal(stale, undefined)
    assert.equal(warnings(control, 'history diverged, snapshot loaded'), 0)
  })
})
