import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Refusal } from '../http/refusal.ts'
import type { WorkerStats } from '../model/ipc.ts'
import { droppedLogLines } from '../support/logger.ts'

const NANOSECONDS_PER_MS = 1_000_000

/** Counters of this worker, as plain numbers: they are touched on every request. */
export class StatsCollector {
  /** Answers by status code; index 0–599, sparse in use but dense in memory. */
  readonly #requestsByStatus = new Uint32Array(600)
  readonly #refusedByStatus = new Uint32Array(600)
  readonly #refusedByReason = new Map<string, number>()
  readonly #upstreamErrors = new Map<string, number>()
  readonly #pluginErrors = new Map<string, number>()
  readonly #shed = new Map<string, number>()
  readonly #loopDelay = monitorEventLoopDelay({ resolution: 20 })
  connectionsTotal = 0
  bytesSent = 0
  upstreamRetries = 0
  /** Whoever resolves names counts by itself. */
  names: { readonly failures: number; readonly failing: number } | undefined
  /** Whoever holds bodies does too. */
  bodies: { readonly heldBytes: number } | undefined
  #residentBytes = 0

  constructor() {
    this.#loopDelay.enable()
  }

  countRequest(status: number, bytes: number): void {
    this.#requestsByStatus[status] = (this.#requestsByStatus[status] ?? 0) + 1
    this.bytesSent += bytes
  }

  /** The engine refused a request; one that had `begun` is counted as such, with its status. */
  countRefused({ status, reason }: Refusal, begun: boolean): void {
    this.#refusedByReason.set(reason, (this.#refusedByReason.get(reason) ?? 0) + 1)
    if (!begun) this.#refusedByStatus[status] = (this.#refusedByStatus[status] ?? 0) + 1
  }

  countUpstreamError(code: string): void {
    this.#upstreamErrors.set(code, (this.#upstreamErrors.get(code) ?? 0) + 1)
  }

  countPluginError(plugin: string): void {
    this.#pluginErrors.set(plugin, (this.#pluginErrors.get(plugin) ?? 0) + 1)
  }

  countShed(reason: string): void {
    this.#shed.set(reason, (this.#shed.get(reason) ?? 0) + 1)
  }

  /** Out of file descriptors it can't be read: the last value stands. */
  #readResidentBytes(): number {
    try {
      this.#residentBytes = process.memoryUsage.rss()
    } catch {
      // EMFILE: nothing to do about it here.
    }
    return this.#residentBytes
  }

  /** A report for the primary; the loop-delay histogram starts anew with each. */
  report(connections: number, requestsInFlight: number, shedShare: number): WorkerStats {
    const eventLoopDelayP99Ms = this.#loopDelay.percentile(99) / NANOSECONDS_PER_MS
    this.#loopDelay.reset()
    return {
      connections,
      requestsInFlight,
      connectionsTotal: this.connectionsTotal,
      requestsByStatus: nonZero(this.#requestsByStatus),
      refusedByStatus: nonZero(this.#refusedByStatus),
      refusedByReason: Object.fromEntries(this.#refusedByReason),
      shed: Object.fromEntries(this.#shed),
      shedShare,
      bytesSent: this.bytesSent,
      upstreamRetries: this.upstreamRetries,
      upstreamErrors: Object.fromEntries(this.#upstreamErrors),
      pluginErrors: Object.fromEntries(this.#pluginErrors),
      eventLoopDelayP99Ms,
      bufferedBytes: this.bodies?.heldBytes ?? 0,
      residentBytes: this.#readResidentBytes(),
      droppedLogLines: droppedLogLines(),
      nameFailures: this.names?.failures ?? 0,
      namesFailing: this.names?.failing ?? 0,
    }
  }
}

function nonZero(counts: Uint32Array): Record<string, number> {
  const result: Record<string, number> = {}
  counts.forEach((count, status) => {
    if (count > 0) result[status] = count
  })
  return result
}
