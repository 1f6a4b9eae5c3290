import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createMetricRig } from '../../helpers/metrics.ts'

suite('metrics of workers', () => {
  test('are added up in the primary, labels escaped', () => {
    const { books, lines } = createMetricRig({ workers: 2 })
    for (const book of books) {
      const family = book.counter('hits_total', 'Hits.', ['code', 'route'])
      family.series(['200', 'a"\\\nb']).add(2)
      family.series(['200', 'a"\\\nb']).add(1)
    }
    assert.deepEqual(lines(), ['hits_total{code="200",route="a\\"\\\\\\nb"} 6'])
  })

  test('are sent once: what has not changed is not', () => {
    const { book, reports, flush } = createMetricRig()
    const series = book.counter('hits_total', 'Hits.', ['code']).series(['200'])
    series.add(1)
    flush()
    flush()
    series.add(4)
    flush()
    assert.deepEqual(
      reports.map(({ series: fresh, changes }) => [fresh.length, changes]),
      [
        [1, [[1, 1]]],
        [0, [[1, 4]]],
      ],
    )
  })

  test('histograms count into buckets, the last of which is infinite', () => {
    const { book, lines } = createMetricRig({ workers: 1 })
    const series = book.histogram('ms', 'Time.', ['type'], [1, 10]).series(['request'])
    for (const value of [0.5, 1, 1.5, 10, 11]) series.observe(value)
    assert.deepEqual(lines(), [
      'ms_bucket{type="request",le="1"} 2',
      'ms_bucket{type="request",le="10"} 4',
      'ms_bucket{type="request",le="+Inf"} 5',
      'ms_sum{type="request"} 24',
      'ms_count{type="request"} 5',
    ])
    series.observe(1)
    assert.equal(lines().at(-1), 'ms_count{type="request"} 6')
  })

  test('too many series of a metric are counted together', () => {
    const { book, lines, store } = createMetricRig({ maxSeries: 3 })
    const family = book.counter('hits_total', 'Hits.', ['code', 'consumer'])
    for (let i = 0; i < 10; i++) family.series(['200', `c${i}`]).add(1)
    assert.deepEqual(lines(), [
      'hits_total{code="200",consumer="c0"} 1',
      'hits_total{code="200",consumer="c1"} 1',
      'hits_total{code="200",consumer="c2"} 1',
      'hits_total{code="200",consumer="overflow"} 7',
    ])
    assert.equal(store.overflowed.get('hits_total'), 1)
  })

  test('the bound holds for all workers together', () => {
    const { books, lines } = createMetricRig({ maxSeries: 3, workers: 2 })
    for (const [worker, book] of books.entries()) {
      const family = book.counter('hits_total', 'Hits.', ['code', 'consumer'])
      for (let i = 0; i < 3; i++) family.series(['200', `w${worker}c${i}`]).add(1)
    }
    assert.equal(lines().length, 4)
    assert.equal(lines().at(-1), 'hits_total{code="200",consumer="overflow"} 3')
  })

  test('what is idle is forgotten in the worker, its sum goes on in the primary', () => {
    const { book, lines, pass, reports, flush } = createMetricRig()
    const family = book.counter('hits_total', 'Hits.', ['code'])
    const kept = family.series(['200'])
    kept.add(1)
    flush()
    const { generation } = book
    pass(61_000)
    flush()
    assert.deepEqual(reports.at(-1)?.forgotten, [1])
    assert.ok(book.generation > generation)
    assert.notEqual(family.series(['200']), kept)
    kept.add(1)
    family.series(['200']).add(1)
    assert.deepEqual(lines(), ['hits_total{code="200"} 3'])
  })

  test('while the channel takes nothing, changes wait', () => {
    let open = false
    const { book, reports, flush } = createMetricRig({ delivers: () => open })
    const series = book.counter('hits_total', 'Hits.', []).series([])
    for (let i = 0; i < 5; i++) {
      series.add(1)
      flush()
    }
    assert.equal(reports.length, 1)
    open = true
  })

  test('reports are bounded', () => {
    const { book, reports, flush } = createMetricRig({ maxSeries: 5_000 })
    const family = book.counter('hits_total', 'Hits.', ['n'])
    for (let i = 0; i < 2_500; i++) family.series([String(i)]).add(1)
    flush()
    assert.deepEqual(
      reports.map(({ changes }) => changes.length),
      [1_000, 1_000, 500],
    )
  })
})
