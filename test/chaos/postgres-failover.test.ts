import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { agreesWith, startFleet } from '../helpers/failover-fleet.ts'
import { until } from '../helpers/stack.ts'
import { startLoad } from '../helpers/steady-load.ts'
import { checkWrites, startWriter } from '../helpers/steady-writer.ts'
import { rounds } from './scale.ts'

const FAILOVERS = rounds(6)
const WRITERS = 3

/** One failover in the middle of writes; what the standby had not got by then is lost. */
async function failOver(t: TestContext) {
  const { pair, control, gateway } = await startFleet(t)
  await pair.caughtUp()
  const load = startLoad(`${gateway.url}/base`, 4)
  const upstream = { type: 'roundrobin', nodes: { '127.0.0.1:1': 1 } }
  const writer = startWriter(control, upstream, WRITERS)
  const { acknowledged } = writer.report
  const written = (count: number) => {
    const { length } = acknowledged
    return until(() => acknowledged.length >= length + count, 15_000)
  }
  await written(20)
  // Half of the standbys are behind by more than the network takes.
  if (Math.random() < 0.5) await pair.cutReplication()
  await written(10)
  await pair.primary.kill()
  // Until every writer was refused, the answers are the old primary's.
  await until(() => writer.report.refused.length >= WRITERS, 15_000)
  const { length: doubtful } = acknowledged
  await pair.promote()
  const promotedAt = performance.now()
  await written(1)
  const writableMs = performance.now() - promotedAt
  await written(20)
  const report = await writer.stop()
  await until(() => agreesWith(gateway, pair.standby.url), 15_000)
  const kept = { acknowledged: acknowledged.slice(doubtful), refused: [] }
  await checkWrites(pair.standby.url, gateway, kept)
  const { sent, failures } = await load.stop()
  return { writableMs, refused: report.refused.length, sent, failures }
}

suite('chaos: PostgreSQL failover under writes', () => {
  for (let round = 1; round <= FAILOVERS; round++) {
    test(`failover ${round} of ${FAILOVERS}`, async (t) => {
      const { writableMs, refused, sent, failures } = await failOver(t)
      t.diagnostic(
        `${sent} requests, ${failures.length} failed; ${refused} writes refused; ` +
          `writable ${Math.round(writableMs)} ms after the promotion`,
      )
      assert.deepEqual(failures, [])
      assert.ok(writableMs < 5_000)
    })
  }
})
