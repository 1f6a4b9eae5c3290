import type { GaugeSeries } from '../../model/metrics.ts'
import type { PluginHost } from '../contract.ts'
import { type Backlog, backlogOf } from './backlog.ts'
import { DropCounter } from './drop-counter.ts'
import { forgetLog, rememberLog } from './pending-logs.ts'

/** Batches on their way at once; the others wait: a slow receiver gets no more for being slow. */
const MAX_SENDING = 4
const MS = 1_000

/** As the configuration of a logger says, in seconds. */
export interface BatchTerms {
  readonly name: string
  readonly max_retry_count: number
  readonly retry_delay: number
  readonly buffer_duration: number
  readonly inactive_timeout: number
  readonly batch_max_size: number
}

interface Batch {
  readonly entries: string[]
  bytes: number
  failures: number
}

/** Whose entries they are, for the gauge of what waits. */
export interface BatchLabels {
  readonly routeId: string
  readonly serverAddress: string
}

interface BatchOptions {
  /** Name of the logger: all its instances in a worker share a bound on what waits. */
  readonly plugin: string
  readonly host: PluginHost
  /** Brings a batch away; a rejection has it sent again, as often as the terms say. */
  send(entries: readonly string[]): Promise<void>
  /** Entries that may wait, as the metadata say now. */
  maxPending(): number
}

/**
 * Gathers entries and sends them in batches. What waits is bounded: beyond, new entries are dropped
 * and counted. Nothing here ever waits in a request's way.
 */
export class BatchProcessor {
  readonly #terms: BatchTerms
  readonly #options: BatchOptions
  readonly #backlog: Backlog
  readonly #drops: DropCounter
  #open = emptyBatch()
  readonly #queue: Batch[] = []
  /** Batches that wait before they are sent again. */
  readonly #delayed = new Map<Batch, NodeJS.Timeout>()
  #sending = 0
  #timer: NodeJS.Timeout | undefined
  #firstAt = 0
  #lastAt = 0
  #gauge: GaugeSeries | undefined
  #stopped = false
  #abandoned = false
  #idle: PromiseWithResolvers<void> | undefined

  constructor(terms: BatchTerms, options: BatchOptions) {
    this.#terms = terms
    this.#options = options
    this.#backlog = backlogOf(options.plugin)
    this.#drops = new DropCounter(options.plugin, options.host)
  }

  /** Takes an entry; drops it if too many wait. `labels` of the first one count for all. */
  push(entry: string, labels: BatchLabels): void {
    const bytes = entry.length
    if (!this.#backlog.admits(bytes, this.#options.maxPending())) {
      this.#drops.count(1, 'backlog')
      return
    }
    this.#backlog.add(bytes)
    this.#gaugeFor(labels).add(1)
    this.#open.entries.push(entry)
    this.#open.bytes += bytes
    this.#lastAt = performance.now()
    if (this.#open.entries.length === 1) {
      this.#firstAt = this.#lastAt
      rememberLog(this)
    }
    // An entry of a request that was under way when the instance ended: nobody waits for more.
    if (this.#stopped || this.#open.entries.length >= this.#terms.batch_max_size) this.#closeBatch()
    else this.#timer ??= setTimeout(() => this.#onTimer(), this.#msToDue())
  }

  /** No more entries are to come: what there is goes out now. */
  stop(): void {
    this.#stopped = true
    this.#closeBatch()
  }

  /** Sends all that waits, without delays; resolves when nothing does any more. */
  drain(): Promise<void> {
    this.stop()
    for (const [batch, timer] of this.#delayed) {
      clearTimeout(timer)
      this.#queue.push(batch)
    }
    this.#delayed.clear()
    this.#sendNext()
    if (this.#isIdle) return Promise.resolve()
    this.#idle ??= Promise.withResolvers()
    return this.#idle.promise
  }

  giveUp(): void {
    this.#abandoned = true
    for (const batch of this.#queue.splice(0)) this.#lose(batch, 'drain')
    for (const [batch, timer] of this.#delayed) {
      clearTimeout(timer)
      this.#lose(batch, 'drain')
    }
    this.#delayed.clear()
  }

  get #isIdle(): boolean {
    const waiting = this.#open.entries.length + this.#queue.length + this.#delayed.size
    return waiting + this.#sending === 0
  }

  #onTimer(): void {
    this.#timer = undefined
    const due = this.#msToDue()
    if (due > 0) this.#timer = setTimeout(() => this.#onTimer(), due)
    else this.#closeBatch()
  }

  #msToDue(): number {
    const { inactive_timeout: inactive, buffer_duration: duration } = this.#terms
    const dueAt = Math.min(this.#lastAt + inactive * MS, this.#firstAt + duration * MS)
    return Math.ceil(dueAt - performance.now())
  }

  #closeBatch(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#open.entries.length > 0) {
      this.#queue.push(this.#open)
      this.#open = emptyBatch()
    }
    this.#sendNext()
  }

  #sendNext(): void {
    while (this.#sending < MAX_SENDING) {
      const batch = this.#queue.shift()
      if (batch === undefined) break
      this.#sending++
      this.#options
        .send(batch.entries)
        .then(
          () => this.#forget(batch),
          (error: unknown) => this.#onFailure(batch, error),
        )
        .finally(() => {
          this.#sending--
          this.#sendNext()
        })
    }
    if (!this.#isIdle) return
    forgetLog(this)
    this.#idle?.resolve()
    this.#idle = undefined
  }

  #onFailure(batch: Batch, err: unknown): void {
    batch.failures++
    const { max_retry_count: retries, retry_delay: delay, name } = this.#terms
    if (batch.failures > retries || this.#abandoned) {
      this.#lose(batch, 'failed', err)
      return
    }
    this.#options.host.log.warn({ err, name, entries: batch.entries.length }, 'batch not sent yet')
    if (this.#idle !== undefined) {
      this.#queue.push(batch)
      return
    }
    const timer = setTimeout(() => {
      this.#delayed.delete(batch)
      this.#queue.push(batch)
      this.#sendNext()
    }, delay * MS)
    this.#delayed.set(batch, timer)
  }

  #lose(batch: Batch, reason: 'failed' | 'drain', err?: unknown): void {
    this.#drops.count(batch.entries.length, reason, err)
    this.#forget(batch)
  }

  #forget({ entries, bytes }: Batch): void {
    this.#backlog.remove(entries.length, bytes)
    this.#gauge?.add(-entries.length)
  }

  #gaugeFor({ routeId, serverAddress }: BatchLabels): GaugeSeries {
    this.#gauge ??= this.#options.host.metrics
      .gauge('apisix_batch_process_entries', 'Entries of batch processors that wait.', [
        'name',
        'route_id',
        'server_addr',
      ])
      .series([this.#terms.name, routeId, serverAddress])
    return this.#gauge
  }
}

function emptyBatch(): Batch {
  return { entries: [], bytes: 0, failures: 0 }
}
