import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { startStack, until } from '../helpers/stack.ts'
import { startLoad } from '../helpers/steady-load.ts'
import { startNode } from '../helpers/upstream-node.ts'
import { rounds } from './scale.ts'

const CHANGES_PER_SECOND = 50
const SECONDS = rounds(20)
/** A write starts 0.4 s after the last at the earliest; one more for the end of the run. */
const MAX_WRITES = Math.ceil(SECONDS / 0.4) + 2

suite('churn', () => {
  test(`${CHANGES_PER_SECOND} changes a second disturb neither traffic nor the disk`, async (t) => {
    const { control, gateway } = await startStack(t)
    const node = await startNode(t)
    const upstream = { type: 'roundrobin', nodes: { [node.address]: 1 } }
    await control.admin('PUT', '/routes/base', { uri: '/*', upstream })
    await until(async () => (await fetch(gateway.url)).ok)

    const load = startLoad(gateway.url, 4)
    const generations = new Set<string>()
    const folder = join(gateway.dataDir, 'backup-default')
    const changes: Promise<{ status: number }>[] = []
    const startedAt = performance.now()
    for (let n = 0; n < SECONDS * CHANGES_PER_SECOND; n++) {
      const due = startedAt + (n * 1000) / CHANGES_PER_SECOND
      await until(() => performance.now() >= due)
      changes.push(control.admin('PUT', `/routes/${n % 200}`, { uri: `/change-${n}`, upstream }))
      for (const name of await readdir(folder).catch(() => [])) {
        if (/^backup-.*\.json$/.test(name)) generations.add(name)
      }
    }
    for (const { status } of await Promise.all(changes)) assert.ok(status === 200 || status === 201)
    const head = changes.length + 1
    const endedAt = performance.now()
    await until(async () => {
      const { revision, workers } = await gateway.sync()
      return revision === head && workers.every((worker: { inSync: boolean }) => worker.inSync)
    })
    const appliedMs = performance.now() - endedAt
    await until(async () => (await gateway.sync()).backup.revision === head)
    const backupMs = performance.now() - endedAt
    const { sent, failures } = await load.stop()
    t.diagnostic(`${changes.length} changes: ${sent} requests, ${failures.length} failed`)
    t.diagnostic(
      `${generations.size} backups; the last change: applied after ${appliedMs.toFixed(0)} ms, on disk after ${backupMs.toFixed(0)} ms`,
    )
    assert.deepEqual(failures, [])
    assert.ok(generations.size <= MAX_WRITES, `${generations.size} backups written`)
  })
})
