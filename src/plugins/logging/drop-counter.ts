import type { PluginHost } from '../contract.ts'

/** A reason is written to the log this often at most. */
const REPORT_MS = 1_000

type Surroundings = Pick<PluginHost, 'metrics' | 'log'>

/** Why entries were lost. */
export type DropReason = 'backlog' | 'failed' | 'drain'

/** Counts entries that a logger lost; says so in the log, but not for each of them. */
export class DropCounter {
  readonly #host: Surroundings
  readonly #plugin: string
  #reportedAt = Number.NEGATIVE_INFINITY
  #unreported = 0

  constructor(plugin: string, host: Surroundings) {
    this.#plugin = plugin
    this.#host = host
  }

  count(entries: number, reason: DropReason, err?: unknown): void {
    if (entries === 0) return
    const { metrics, log } = this.#host
    metrics
      .counter('holdfast_log_entries_dropped_total', 'Entries that loggers lost.', [
        'plugin',
        'reason',
      ])
      .series([this.#plugin, reason])
      .add(entries)
    this.#unreported += entries
    const now = performance.now()
    if (now < this.#reportedAt + REPORT_MS) return
    this.#reportedAt = now
    log.error({ err, reason, entries: this.#unreported }, 'log entries dropped')
    this.#unreported = 0
  }
}
