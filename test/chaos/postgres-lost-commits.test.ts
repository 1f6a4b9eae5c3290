import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { agreesWith, startFleet, warnings, writtenAt } from '../helpers/failover-fleet.ts'
import { until } from '../helpers/stack.ts'
import { startLoad } from '../helpers/steady-load.ts'

suite('PostgreSQL failover that loses commits', () => {
  test('commits that the standby never got are gone everywhere, whatever is written next', async (t) => {
    const { pair, control, gateway, put } = await startFleet(t)
    await pair.caughtUp()
    await pair.cutReplication()
    for (const id of ['lost1', 'lost2']) assert.equal((await put(id)).status, 201)
    await until(async () => (await fetch(`${gateway.url}/lost2`)).ok)
    const load = startLoad(`${gateway.url}/base`)
    await pair.primary.kill()
    await pair.promote()
    // The follower of the control plane answers reads while there is no database; then it has to know.
    await until(async () => (await fetch(`${gateway.url}/lost1`)).status === 404, 15_000)
    await until(() => agreesWith(gateway, pair.standby.url))
    await until(async () => {
      const { status, headers } = await control.admin('GET', '/routes/lost1')
      if (status === 200) assert.equal(headers.get('x-config-stale'), 'true')
      return status === 404
    })
    // The same revision as a lost one, with other content.
    assert.equal((await put('kept')).status, 201)
    await until(async () => (await fetch(`${gateway.url}/kept`)).ok)
    await until(() => agreesWith(gateway, pair.standby.url))
    for (const id of ['lost1', 'lost2']) {
      assert.equal((await fetch(`${gateway.url}/${id}`)).status, 404)
    }
    await pair.standby.stop()
    await until(async () => {
      const answer = await control.admin('GET', '/routes')
      if (answer.headers.get('x-config-stale') !== 'true') return false
      const ids = answer.body.list.map(({ value }: { value: { id: string } }) => value.id)
      assert.deepEqual(ids.sort(), ['base', 'kept'])
      return true
    })
    const { sent, failures } = await load.stop()
    t.diagnostic(`${sent} requests, ${failures.length} failed`)
    assert.deepEqual(failures, [])
    for (const side of [gateway, control]) {
      assert.equal(warnings(side, 'history diverged, snapshot loaded'), 1)
    }
  })

  test('a new write hides the lost one: same revision, other content', async (t) => {
    const { pair, gateway, put } = await startFleet(t)
    await pair.caughtUp()
    await pair.cutReplication()
    assert.equal((await put('lost')).status, 201)
    await until(async () => (await fetch(`${gateway.url}/lost`)).ok)
    // It sees nothing until there is a write again: the database looks no different by its number.
    process.kill(gateway.child.pid ?? 0, 'SIGSTOP')
    await pair.primary.kill()
    await pair.promote()
    await writtenAt(() => put('other'))
    process.kill(gateway.child.pid ?? 0, 'SIGCONT')
    await until(async () => (await fetch(`${gateway.url}/other`)).ok, 15_000)
    assert.equal((await fetch(`${gateway.url}/lost`)).status, 404)
    await until(() => agreesWith(gateway, pair.standby.url))
    const line = await gateway.waitForLog('history diverged, snapshot loaded')
    assert.equal(line['cause'], 'digest')
  })
})
