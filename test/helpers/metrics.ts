import type { MetricReport, MetricSettings } from '../../src/model/metrics.ts'
import { MetricStore } from '../../src/primary/metric-store/metric-store.ts'
import { WorkerMetrics } from '../../src/worker/metrics/worker-metrics.ts'

interface MetricRigOptions extends Partial<MetricSettings> {
  workers?: number
  /** False: the channel has not taken the last report. */
  delivers?: () => boolean
}

/** Workers that count and the primary that adds up, without processes between them. */
export function createMetricRig(options: MetricRigOptions = {}) {
  const { workers = 1, delivers = () => true, ...rest } = options
  const settings: MetricSettings = {
    maxSeries: 100,
    expireMs: 0,
    latencyBuckets: [1, 10, 100],
    extraLabels: {},
    ...rest,
  }
  let now = 1_000
  const store = new MetricStore(settings, () => now)
  const reports: MetricReport[] = []
  const books = Array.from({ length: workers }, (_, worker) => {
    return new WorkerMetrics({
      settings,
      now: () => now,
      send(report, sent) {
        const wire = JSON.parse(JSON.stringify(report)) as MetricReport
        reports.push(wire)
        store.receive(worker, wire)
        if (delivers()) sent()
      },
    })
  })
  return {
    store,
    books,
    book: books[0] as WorkerMetrics,
    reports,
    flush() {
      for (const book of books) book.flush()
    },
    /** Lines of the text that are values, after all workers have reported. */
    lines(): string[] {
      for (const book of books) book.flush()
      const text = [...store.text()].join('')
      return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    },
    pass(ms: number) {
      now += ms
    },
  }
}
