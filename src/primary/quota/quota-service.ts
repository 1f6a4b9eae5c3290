import type { QuotaAnswer, QuotaRequest } from '../../model/quota.ts'
import { monotonicMs } from '../../support/monotonic.ts'
import { BoundedMap } from './bounded-map.ts'
import { CircuitBoard } from './circuit-board.ts'
import { LeakyBuckets } from './leaky-buckets.ts'
import { Places } from './places.ts'
import { WindowAccount, type WindowSurroundings } from './window-account.ts'

/** How often recalls are looked after. */
const RECALL_CHECK_MS = 50
const SWEEP_MS = 1_000
/** Windows that a worker's end is told to in one turn. */
const FORGET_STEP = 10_000
/** Changes of circuits are told together. */
const CIRCUIT_MS = 10
const MAX_CIRCUITS = 10_000
const DEFAULT_MAX_KEYS = 100_000

type Send = (answers: readonly QuotaAnswer[]) => void

interface QuotaServiceOptions {
  /** Number of workers that share what there is. */
  workers(): number
  /** Windows, and buckets, that are kept; beyond, the one used longest ago is forgotten. */
  maxKeys?: number
  /** Milliseconds of the monotonic clock. */
  now?: () => number
}

/** The quotas of an instance: one place where all workers' requests are counted. */
export class QuotaService {
  readonly #now: () => number
  readonly #workers = new Map<number, Send>()
  readonly #windows: BoundedMap<WindowAccount>
  readonly #buckets: LeakyBuckets
  readonly #places = new Places()
  readonly #circuits = new CircuitBoard(MAX_CIRCUITS)
  readonly #around: WindowSurroundings
  #lastLease = 0
  /** Those that wait for leases to come back. */
  readonly #recalling = new Set<WindowAccount>()
  #recallTimer: NodeJS.Timeout | undefined
  readonly #sweeper: NodeJS.Timeout
  #circuitTimer: NodeJS.Timeout | undefined
  /** Answers of this turn, by worker: one message each. */
  readonly #outbox = new Map<number, QuotaAnswer[]>()

  constructor(options: QuotaServiceOptions) {
    this.#now = options.now ?? monotonicMs
    const { maxKeys = DEFAULT_MAX_KEYS } = options
    this.#windows = new BoundedMap(maxKeys)
    this.#buckets = new LeakyBuckets(maxKeys)
    this.#around = {
      send: (worker, answer) => this.#post(worker, answer),
      workers: () => options.workers(),
      nextLease: () => ++this.#lastLease,
      onRecall: (account) => this.#watchRecall(account),
    }
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS)
    this.#sweeper.unref()
  }

  /** Keys that something is known of. */
  get keys(): Readonly<Record<'window' | 'bucket' | 'place' | 'circuit', number>> {
    return {
      window: this.#windows.size,
      bucket: this.#buckets.size,
      place: this.#places.size,
      circuit: this.#circuits.size,
    }
  }

  /** Keys that were forgotten early, since there were too many. */
  get evicted(): number {
    return this.#windows.evicted + this.#buckets.evicted + this.#circuits.evicted
  }

  /** A worker has come up. */
  join(worker: number, send: Send): void {
    this.#workers.set(worker, send)
    for (const answer of this.#circuits.whole) this.#post(worker, answer)
    this.#flush()
  }

  /** A worker has ended: its leases are lost, its places free. */
  leave(worker: number): void {
    if (!this.#workers.delete(worker)) return
    this.#places.forget(worker)
    this.#forget(worker, this.#windows.values())
  }

  receive(worker: number, requests: readonly QuotaRequest[]): void {
    const now = this.#now()
    // What a worker sent before it ended may be read after that; nobody is left to give it anything.
    const isHere = this.#workers.has(worker)
    for (const request of requests) {
      if (request.op === 'return') this.#giveBack(worker, request, now)
      else if (request.op === 'report') this.#report(request, now)
      else if (isHere) this.#serve(worker, request, now)
    }
    this.#flush()
  }

  stop(): void {
    clearInterval(this.#sweeper)
    clearTimeout(this.#circuitTimer)
    clearTimeout(this.#recallTimer)
  }

  #serve(
    worker: number,
    request: Exclude<QuotaRequest, { op: 'return' | 'report' }>,
    now: number,
  ): void {
    const { key } = request
    switch (request.op) {
      case 'take': {
        const { terms, wanted } = request
        this.#windows
          .use(key, () => new WindowAccount(key, terms, this.#around))
          .ask(worker, terms, wanted, now)
        break
      }
      case 'pour': {
        const { id, ratePerSecond, burst } = request
        this.#answer(worker, id, this.#buckets.pour(key, ratePerSecond, burst, now))
        break
      }
      case 'enter':
        this.#answer(worker, request.id, this.#places.enter(worker, key, request.places))
        break
      case 'leave':
        this.#places.leave(worker, key)
        break
    }
  }

  #giveBack(
    worker: number,
    { key, lease, endsAtMs, unused }: Extract<QuotaRequest, { op: 'return' }>,
    now: number,
  ): void {
    this.#windows.peek(key)?.giveBack(worker, lease, endsAtMs, unused, now)
  }

  #report({ key, healthy, terms }: Extract<QuotaRequest, { op: 'report' }>, now: number): void {
    this.#circuits.report(key, healthy, terms, now)
    this.#circuitTimer ??= setTimeout(() => {
      this.#circuitTimer = undefined
      this.#tellCircuits()
    }, CIRCUIT_MS)
  }

  #tellCircuits(): void {
    for (const change of this.#circuits.takeChanges()) {
      for (const worker of this.#workers.keys()) this.#post(worker, change)
    }
    this.#flush()
  }

  #watchRecall(account: WindowAccount): void {
    this.#recalling.add(account)
    this.#recallTimer ??= setTimeout(() => {
      this.#recallTimer = undefined
      const now = this.#now()
      const open = [...this.#recalling].filter((one) => !one.checkRecall(now))
      this.#recalling.clear()
      for (const one of open) this.#watchRecall(one)
      this.#flush()
    }, RECALL_CHECK_MS)
  }

  /** In steps: a hundred thousand windows take longer than the event loop should be held up. */
  #forget(worker: number, windows: Iterator<WindowAccount>): void {
    const now = this.#now()
    for (let n = 0; n < FORGET_STEP; n++) {
      const next = windows.next()
      if (next.done === true) {
        this.#flush()
        return
      }
      next.value.forget(worker, now)
    }
    this.#flush()
    setImmediate(() => this.#forget(worker, windows))
  }

  #sweep(): void {
    const now = this.#now()
    this.#windows.sweep((account) => account.isOver(now))
    this.#buckets.sweep(now)
    this.#circuits.sweep(now)
    this.#tellCircuits()
  }

  #answer(worker: number, id: number, value: number | undefined): void {
    this.#post(worker, value === undefined ? { op: 'answer', id } : { op: 'answer', id, value })
  }

  #post(worker: number, answer: QuotaAnswer): void {
    const answers = this.#outbox.get(worker)
    if (answers === undefined) this.#outbox.set(worker, [answer])
    else answers.push(answer)
  }

  #flush(): void {
    for (const [worker, answers] of this.#outbox) this.#workers.get(worker)?.(answers)
    this.#outbox.clear()
  }
}
