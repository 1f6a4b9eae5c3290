import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import type { PluginHost } from '../../../src/plugins/contract.ts'
import { BatchProcessor, type BatchTerms } from '../../../src/plugins/logging/batch-processor.ts'
import { drainLogs } from '../../../src/plugins/logging/pending-logs.ts'
import { createMetricRig } from '../../helpers/metrics.ts'
import { NO_SERVICES } from '../../worker/plugins/plugin-fixtures.ts'

const TERMS: BatchTerms = {
  name: 'logger',
  max_retry_count: 0,
  retry_delay: 1,
  buffer_duration: 60,
  inactive_timeout: 5,
  batch_max_size: 3,
}
const LABELS = { routeId: 'r1', serverAddress: '192.0.2.1' }

let number = 0

/** A processor whose receiver answers when the test says so. */
function createProcessor(t: TestContext, terms: Partial<BatchTerms> = {}, maxPending = 100) {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  let now = 0
  t.mock.method(performance, 'now', () => now)
  const rig = createMetricRig()
  const host = { metrics: rig.book, log: NO_SERVICES.log } as unknown as PluginHost
  const sent: string[][] = []
  const answers: PromiseWithResolvers<void>[] = []
  const processor = new BatchProcessor(
    { ...TERMS, ...terms },
    {
      plugin: `logger-${++number}`,
      host,
      maxPending: () => maxPending,
      send(entries) {
        sent.push([...entries])
        const answer = Promise.withResolvers<void>()
        answers.push(answer)
        return answer.promise
      },
    },
  )
  // Else the end of a later test's worker would wait for these.
  t.after(async () => {
    processor.stop()
    processor.giveUp()
    for (const answer of answers) answer.resolve()
    await settled()
  })
  const settled = () => new Promise((resolve) => setImmediate(resolve))
  return {
    processor,
    sent,
    push(...entries: string[]) {
      for (const entry of entries) processor.push(entry, LABELS)
    },
    async answer(index: number) {
      answers[index]?.resolve()
      await settled()
    },
    async refuse(index: number) {
      answers[index]?.reject(new Error('no'))
      await settled()
    },
    pass(ms: number) {
      now += ms
      t.mock.timers.tick(ms)
    },
    /** Value of the metric whose line begins so. */
    metric(start: string) {
      const line = rig.lines().find((one) => one.startsWith(start))
      return line === undefined ? undefined : Number(line.split(' ').at(-1))
    },
  }
}

suite('batch processor', () => {
  test('a full batch leaves at once', (t) => {
    const { push, sent } = createProcessor(t)
    push('a', 'b')
    assert.deepEqual(sent, [])
    push('c', 'd')
    assert.deepEqual(sent, [['a', 'b', 'c']])
  })

  test('one that nothing joins leaves after the inactive time', (t) => {
    const { push, sent, pass } = createProcessor(t)
    push('a')
    pass(4_000)
    push('b')
    pass(4_000)
    assert.deepEqual(sent, [])
    pass(1_000)
    assert.deepEqual(sent, [['a', 'b']])
  })

  test('no batch is older than its duration', (t) => {
    const { push, sent, pass } = createProcessor(t, { buffer_duration: 6, batch_max_size: 100 })
    for (let i = 0; i < 3; i++) {
      push(String(i))
      pass(3_000)
    }
    assert.deepEqual(sent, [['0', '1']])
  })

  test('a batch that was refused is sent again, as often as it may be', async (t) => {
    const { push, sent, pass, refuse, metric } = createProcessor(t, { max_retry_count: 1 })
    push('a', 'b', 'c')
    await refuse(0)
    assert.equal(sent.length, 1)
    pass(1_000)
    assert.deepEqual(sent[1], ['a', 'b', 'c'])
    await refuse(1)
    pass(60_000)
    assert.equal(sent.length, 2)
    assert.equal(metric('holdfast_log_entries_dropped_total'), 3)
    assert.equal(metric('apisix_batch_process_entries'), 0)
  })

  test('a slow receiver gets four batches at once, the rest waits, and more is dropped', async (t) => {
    const { push, sent, answer, metric } = createProcessor(t, { batch_max_size: 1 }, 6)
    push('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h')
    assert.equal(sent.length, 4)
    assert.equal(metric('apisix_batch_process_entries'), 6)
    assert.equal(metric('holdfast_log_entries_dropped_total'), 2)
    await answer(0)
    assert.deepEqual(sent.at(-1), ['e'])
    push('i')
    assert.equal(metric('apisix_batch_process_entries'), 6)
  })

  test('entries that are too large together are dropped', (t) => {
    const { push, metric } = createProcessor(t, { batch_max_size: 1_000 })
    const large = 'x'.repeat(16 * 1024 * 1024)
    push(large, large, large, large, large)
    assert.equal(metric('holdfast_log_entries_dropped_total'), 1)
  })

  test('at the end of its instance what there is leaves', (t) => {
    const { processor, push, sent } = createProcessor(t)
    push('a')
    processor.stop()
    assert.deepEqual(sent, [['a']])
    push('late')
    assert.deepEqual(sent.at(-1), ['late'])
  })

  test('the end of the worker waits for what is under way', async (t) => {
    const { push, sent, answer } = createProcessor(t)
    push('a')
    let drained = false
    const done = drainLogs(3_000).then(() => {
      drained = true
    })
    assert.deepEqual(sent, [['a']])
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(drained, false)
    await answer(0)
    await done
  })

  test('… and for what waits to be sent again, without the delay, but not for ever', async (t) => {
    const { push, sent, refuse, pass, metric } = createProcessor(t, { max_retry_count: 9 })
    push('a')
    pass(5_000)
    await refuse(0)
    const done = drainLogs(3_000)
    assert.equal(sent.length, 2)
    await refuse(1)
    assert.equal(sent.length, 3)
    pass(3_000)
    await done
    await refuse(2)
    assert.equal(sent.length, 3)
    assert.equal(metric('holdfast_log_entries_dropped_total'), 1)
  })
})
