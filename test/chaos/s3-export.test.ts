import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import type { ExporterState } from '../../src/fallback/exporter.ts'
import { createTestDatabase } from '../helpers/postgres.ts'
import { RESOURCE_BUCKET, startS3, type TestS3 } from '../helpers/s3.ts'
import { type ControlPlane, startControl, until } from '../helpers/stack.ts'

/** The bounds, in milliseconds. */
const RECOVERY_POINT_MS = 10_000
const TAKEOVER_MS = 15_000

async function statusOf(control: ControlPlane) {
  const status = (await (await fetch(`${control.url}/status`)).json()) as {
    fallback: ExporterState
  }
  return status.fallback
}

async function write(control: ControlPlane, revision: number): Promise<void> {
  const route = { uri: `/${revision}`, upstream: { nodes: { '127.0.0.1:80': 1 } } }
  const { status, body } = await control.admin('PUT', '/routes/r', route)
  assert.ok(status === 200 || status === 201, JSON.stringify(body))
}

/** Milliseconds until the copy has this revision. */
async function exported(s3: TestS3, revision: number, deadlineMs: number): Promise<number> {
  const startedAt = performance.now()
  await until(async () => {
    const head = await s3.readJson(RESOURCE_BUCKET, 'default/HEAD.json')
    return Number(head?.['revision'] ?? -1) >= revision
  }, deadlineMs)
  return Math.round(performance.now() - startedAt)
}

/** Two control planes on one database; the first is the leader and has exported revision 1. */
async function startPair(t: TestContext) {
  const s3 = await startS3(t)
  const { url } = await createTestDatabase(t)
  const leader = await startControl(t, url, s3.env)
  await leader.waitForLog('leadership gained')
  const other = await startControl(t, url, s3.env)
  await write(leader, 1)
  t.diagnostic(`exported ${await exported(s3, 1, RECOVERY_POINT_MS)} ms after the first write`)
  return { s3, leader, other }
}

suite('S3 export', { concurrency: true }, () => {
  for (const signal of ['SIGKILL', 'SIGSTOP'] as const) {
    test(`after ${signal} of the leader the other exports within 15 s`, async (t) => {
      const { s3, leader, other } = await startPair(t)
      assert.equal((await statusOf(leader)).leader, true)
      assert.equal((await statusOf(other)).leader, false)

      // Written by the other one: the leader exports it nevertheless.
      await write(other, 2)
      t.diagnostic(`exported ${await exported(s3, 2, RECOVERY_POINT_MS)} ms after a write`)

      leader.child.kill(signal)
      const startedAt = performance.now()
      await write(other, 3)
      await exported(s3, 3, TAKEOVER_MS)
      t.diagnostic(`taken over after ${Math.round(performance.now() - startedAt)} ms`)
      assert.equal((await statusOf(other)).leader, true)
      assert.equal((await statusOf(other)).groups['default']?.revision, 3)

      if (signal === 'SIGKILL') return
      leader.child.kill('SIGCONT')
      await leader.waitForLog('leadership lost')
      await write(leader, 4)
      await exported(s3, 4, RECOVERY_POINT_MS)
      assert.equal((await statusOf(leader)).leader, false)
      assert.equal((await statusOf(other)).leader, true)
    })
  }

  test('without S3 the control plane works, says why, and exports when it is back', async (t) => {
    const s3 = await startS3(t)
    await s3.stop()
    const { url } = await createTestDatabase(t)
    const control = await startControl(t, url, s3.env)
    await write(control, 1)
    await control.waitForLog('snapshot not exported to S3')
    assert.match((await statusOf(control)).groups['default']?.error ?? '', /connection refused/)
    assert.ok((await fetch(`${control.url}/status/ready`)).ok)
    await s3.start()
    await exported(s3, 1, RECOVERY_POINT_MS)
    assert.equal(await control.stop(), 0)
  })
})
