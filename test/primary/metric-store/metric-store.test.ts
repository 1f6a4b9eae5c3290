import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { MetricDefinition } from '../../../src/model/metrics.ts'
import { MetricStore } from '../../../src/primary/metric-store/metric-store.ts'
import { createMetricRig } from '../../helpers/metrics.ts'

suite('metrics in the primary', () => {
  test('counters outlive a worker, gauges do not', () => {
    const { books, store, lines } = createMetricRig({ workers: 2 })
    for (const book of books) {
      book.counter('hits_total', 'Hits.', []).series([]).add(5)
      book.gauge('waiting', 'Waiting.', ['name']).series(['a']).add(3)
    }
    assert.deepEqual(lines(), ['hits_total 10', 'waiting{name="a"} 6'])
    store.leave(0)
    const text = [...store.text()].join('')
    assert.match(text, /^hits_total 10$/m)
    assert.match(text, /^waiting\{name="a"\} 3$/m)
    assert.match(text, /^# TYPE waiting gauge$/m)
  })

  test('a series that nothing is counted in expires, and begins anew', () => {
    const { book, store, lines, pass } = createMetricRig({ expireMs: 1_000 })
    const family = book.counter('hits_total', 'Hits.', ['route'])
    family.series(['gone']).add(1)
    const kept = family.series(['kept'])
    kept.add(1)
    lines()
    pass(900)
    kept.add(1)
    lines()
    pass(200)
    store.sweep()
    assert.deepEqual(lines(), ['hits_total{route="kept"} 2'])
    assert.equal(store.sizes.get('hits_total'), 1)
    family.series(['gone']).add(7)
    assert.equal(lines().at(-1), 'hits_total{route="gone"} 7')
  })

  test('a gauge that holds something does not expire', () => {
    const { book, store, lines, pass } = createMetricRig({ expireMs: 1_000 })
    book.gauge('waiting', 'Waiting.', []).series([]).add(3)
    lines()
    pass(5_000)
    store.sweep()
    assert.deepEqual(lines(), ['waiting 3'])
  })

  test('new buckets replace the old series, new labels stand beside them', () => {
    const store = new MetricStore({ maxSeries: 10, expireMs: 0 })
    const report = (worker: number, definition: MetricDefinition, values: string[]) =>
      store.receive(worker, {
        families: [[0, definition]],
        series: [[1, 0, values]],
        changes: [[1, 2, 0, 1]],
        forgotten: [],
      })
    const old: MetricDefinition = {
      name: 'ms',
      help: 'Time.',
      type: 'histogram',
      labels: ['type'],
      buckets: [1],
    }
    report(1, old, ['a'])
    report(2, { ...old, buckets: [5] }, ['a'])
    report(3, { ...old, buckets: [5], labels: ['type', 'more'] }, ['a', 'b'])
    // The worker of before still counts: into nothing that is shown.
    store.receive(1, { families: [], series: [], changes: [[1, 2, 0, 1]], forgotten: [] })
    const text = [...store.text()].join('')
    assert.doesNotMatch(text, /le="1"/)
    assert.match(text, /^ms_count\{type="a"\} 1$/m)
    assert.match(text, /^ms_count\{type="a",more="b"\} 1$/m)
    assert.equal(text.match(/# TYPE/g)?.length, 1)
  })

  test('a report that names what is not known changes nothing', () => {
    const store = new MetricStore({ maxSeries: 10, expireMs: 0 })
    store.receive(1, { families: [], series: [[1, 7, ['a']]], changes: [[1, 5]], forgotten: [9] })
    assert.deepEqual([...store.text()], [])
  })
})
