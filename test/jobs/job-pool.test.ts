import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { suite, type TestContext, test } from 'node:test'
import { createJobPool, JobError, type JobPool } from '../../src/jobs/job-pool.ts'

function createPool(t: TestContext, maxQueue = 100): JobPool {
  const pool = createJobPool({ maxThreads: 1, maxQueue })
  t.after(() => pool.stop())
  return pool
}

/** Takes seconds. */
const LONG_TASK = {
  text: Buffer.from('ab'.repeat(4_000_000)),
  changes: [{ pattern: '(a+)(b+)', flags: '', replacement: '$2$1$2', all: true }],
}
const text = (value: string) => Buffer.from(value)
const change = { pattern: 'a(.)', flags: '', replacement: '$1', all: true }
const codeOf = (error: unknown) => (error instanceof JobError ? error.code : String(error))

suite('job pool', () => {
  test('does jobs in a thread and hands back what they return', async (t) => {
    const pool = createPool(t)
    const input = { text: text('abac'), changes: [change] }
    const result = await pool.run('replace-text', input, 10_000)
    assert.equal(Buffer.from(result).toString(), 'bc')
    assert.equal(pool.pending, 0)
  })

  test('verifies signatures', async (t) => {
    const pool = createPool(t)
    const { publicKey, privateKey } = generateKeyPairSync('ed25519')
    const task = {
      publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      hash: undefined,
      pss: false,
      signed: 'text',
      signature: sign(null, text('text'), privateKey),
    }
    assert.equal(await pool.run('verify-signature', task, 10_000), true)
    assert.equal(await pool.run('verify-signature', { ...task, signed: 'other' }, 10_000), false)
  })

  test('replaces a thread that overruns its deadline, and goes on', async (t) => {
    const pool = createPool(t)
    const input = { text: text('abac'), changes: [change] }
    await pool.run('replace-text', input, 10_000)
    const startedAt = performance.now()
    const overrun = pool.run('replace-text', LONG_TASK, 200)
    await assert.rejects(overrun, (error) => codeOf(error) === 'GW_JOB_TIMEOUT')
    assert.ok(performance.now() - startedAt < 2_000)
    const after = await pool.run('replace-text', input, 10_000)
    assert.equal(Buffer.from(after).toString(), 'bc')
  })

  test('does what waits behind a job that overruns', async (t) => {
    const pool = createPool(t, 1)
    const input = { text: text('abac'), changes: [change] }
    await pool.run('replace-text', input, 10_000)
    const overrun = pool.run('replace-text', LONG_TASK, 50).catch(codeOf)
    const waits = pool.run('replace-text', input, 10_000)
    assert.equal(await overrun, 'GW_JOB_TIMEOUT')
    assert.equal(Buffer.from(await waits).toString(), 'bc')
  })

  test('refuses what the queue has no room for, at once', async (t) => {
    const pool = createPool(t, 1)
    const busy = [1, 2].map(() => pool.run('replace-text', LONG_TASK, 500).catch(codeOf))
    const refused = pool.run('replace-text', LONG_TASK, 500)
    await assert.rejects(refused, (error) => codeOf(error) === 'GW_JOB_REFUSED')
    assert.deepEqual(await Promise.all(busy), ['GW_JOB_TIMEOUT', 'GW_JOB_TIMEOUT'])
  })

  test('hands on what a job throws', async (t) => {
    const pool = createPool(t)
    const bad = { text: text('a'), changes: [{ ...change, pattern: '(' }] }
    await assert.rejects(pool.run('replace-text', bad, 10_000), /\(/)
  })
})
