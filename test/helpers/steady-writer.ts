import assert from 'node:assert/strict'
import pino from 'pino'
import { ConfigState } from '../../src/model/config-state.ts'
import { createConfigRepository } from '../../src/store/config-repository.ts'
import { createDatabase } from '../../src/store/database.ts'
import { type ControlPlane, type Gateway, until } from './stack.ts'

/** What became of the writes: ids of routes by the answer to their PUT. */
export interface WriteReport {
  acknowledged: string[]
  /** Answered 5xx: it may have taken effect, or not. */
  refused: string[]
}

/** Creates routes `w1`, `w2`, … with some writers at a time, as fast as they are answered. */
export function startWriter(control: ControlPlane, upstream: object, writers = 3) {
  const report: WriteReport = { acknowledged: [], refused: [] }
  let running = true
  let count = 0

  async function loop(): Promise<void> {
    while (running) {
      count += 1
      const id = `w${count}`
      const { status } = await control.admin('PUT', `/routes/${id}`, { uri: `/${id}`, upstream })
      if (status < 300) report.acknowledged.push(id)
      else {
        assert.equal(status, 503)
        report.refused.push(id)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
  }

  const loops = Array.from({ length: writers }, loop)
  return {
    report,
    async stop(): Promise<WriteReport> {
      running = false
      await Promise.all(loops)
      return report
    },
  }
}

/**
 * Proves that no write was lost or done by half: every acknowledged object is in the database, its
 * objects fit the digest that the writes have counted up, revision by revision, and the gateway,
 * which got them as deltas, serves the same.
 */
export async function checkWrites(
  databaseUrl: string,
  gateway: Gateway,
  report: WriteReport,
): Promise<void> {
  const database = createDatabase({ url: databaseUrl, log: pino({ level: 'silent' }) })
  try {
    const snapshot = await createConfigRepository(database).loadSnapshot('default')
    const state = ConfigState.from(snapshot)
    const { epoch, revision, digest } = snapshot._meta
    assert.equal(state.mark.digest, digest)
    for (const id of report.acknowledged) assert.ok(state.get('routes', id), id)
    const rows = await database.query(
      'SELECT revision, count(*) FROM config_log GROUP BY revision HAVING count(*) <> 1',
    )
    assert.deepEqual(rows, [])
    await until(async () => {
      const served = await gateway.sync()
      const isSame = served.epoch === epoch && served.revision === revision
      return isSame && served.workers.every((worker: { inSync: boolean }) => worker.inSync)
    })
    assert.equal((await gateway.sync()).digest, digest)
  } finally {
    await database.stop()
  }
}
