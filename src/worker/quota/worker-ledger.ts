import { createHash } from 'node:crypto'
import type {
  CircuitState,
  CircuitTerms,
  QuotaAnswer,
  QuotaLedger,
  QuotaPlace,
  QuotaRequest,
  WindowTerms,
  WindowVerdict,
} from '../../model/quota.ts'
import { monotonicMs } from '../../support/monotonic.ts'
import { quotaUnavailable } from './quota-unavailable.ts'
import { WindowLeases } from './window-leases.ts'

/** Keys hold what clients send: longer ones travel and are kept as a digest. */
const MAX_KEY_LENGTH = 128
/** The primary answers within a millisecond; while it takes up a large change, within some ten. */
const DEFAULT_TIMEOUT_MS = 500
/** After a question that was not answered in time, requests are turned away at once for so long. */
const SILENCE_MS = 1_000
const SWEEP_MS = 1_000

interface WorkerLedgerOptions {
  send(requests: QuotaRequest[]): void
  timeoutMs?: number
  /** Milliseconds of the monotonic clock. */
  now?: () => number
}

interface Question {
  readonly askedAtMs: number
  answer(value: number | undefined): void
  /** The deadline has passed. */
  fail(): void
  failed: boolean
}

/** A worker's side of the quota ledger. What it sends in one turn of the loop is one message. */
export class WorkerLedger implements QuotaLedger {
  readonly #options: WorkerLedgerOptions
  readonly #now: () => number
  readonly #timeoutMs: number
  readonly #leases: WindowLeases
  readonly #questions = new Map<number, Question>()
  readonly #circuits = new Map<string, CircuitState>()
  readonly #sweeper: NodeJS.Timeout
  #nextId = 1
  #outbox: QuotaRequest[] = []
  #flushing = false
  /** Number of the message that is being gathered. */
  #turn = 0
  #deadlines: NodeJS.Timeout | undefined
  #alone = false
  #silentUntilMs = 0

  constructor(options: WorkerLedgerOptions) {
    this.#options = options
    this.#now = options.now ?? monotonicMs
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS
    this.#leases = new WindowLeases({
      now: this.#now,
      post: (request) => this.#post(request),
      turn: () => this.#turn,
      onWait: () => this.#watchDeadlines(),
      timeoutMs: this.#timeoutMs,
      isSilent: (now) => now < this.#silentUntilMs,
    })
    this.#sweeper = setInterval(() => this.#leases.sweep(this.#now()), SWEEP_MS)
    this.#sweeper.unref()
  }

  take(key: string, terms: WindowTerms): WindowVerdict | Promise<WindowVerdict> {
    if (this.#alone) return Promise.reject(quotaUnavailable())
    return this.#leases.take(short(key), terms)
  }

  pour(key: string, ratePerSecond: number, burst: number): Promise<number | undefined> {
    const ask = (id: number): QuotaRequest => {
      return { op: 'pour', id, key: short(key), ratePerSecond, burst }
    }
    // A late answer is a request that was counted and not served: the bucket forgets it by itself.
    return this.#ask(ask, () => {})
  }

  async enter(key: string, places: number): Promise<QuotaPlace | undefined> {
    const own = short(key)
    const leave = () => this.#post({ op: 'leave', key: own })
    const ask = (id: number): QuotaRequest => ({ op: 'enter', id, key: own, places })
    const taken = await this.#ask(ask, leave)
    if (taken === undefined) return undefined
    let held = true
    return {
      taken,
      release() {
        if (held) leave()
        held = false
      },
    }
  }

  circuit(key: string): CircuitState | undefined {
    return this.#circuits.size === 0 ? undefined : this.#circuits.get(short(key))
  }

  report(key: string, healthy: boolean, terms: CircuitTerms): void {
    const own = short(key)
    if (healthy && !this.#circuits.has(own)) return
    this.#post({ op: 'report', key: own, healthy, terms })
  }

  receive(answers: readonly QuotaAnswer[]): void {
    this.#silentUntilMs = 0
    for (const answer of answers) {
      if (answer.op === 'lease') this.#leases.onLease(answer)
      else if (answer.op === 'recall') this.#leases.onRecall(answer.key)
      else if (answer.op === 'answer') this.#onAnswer(answer.id, answer.value)
      else if (answer.state === undefined) this.#circuits.delete(answer.key)
      else this.#circuits.set(answer.key, answer.state)
    }
  }

  /** The worker is on its way out: what it has goes back, and is asked for one by one. */
  drain(): void {
    this.#leases.drain()
  }

  /** Sends what waits to be sent: no turn of the loop may follow. */
  flush(): void {
    const requests = this.#outbox
    this.#turn += 1
    this.#flushing = false
    this.#outbox = []
    if (requests.length > 0) this.#options.send(requests)
  }

  /** The primary is gone: nothing can be counted any more. */
  disconnect(): void {
    this.#alone = true
    this.#leases.stop()
    for (const question of this.#questions.values()) question.fail()
    this.#questions.clear()
  }

  stop(): void {
    clearInterval(this.#sweeper)
    clearTimeout(this.#deadlines)
  }

  #ask(request: (id: number) => QuotaRequest, onLate: () => void): Promise<number | undefined> {
    const now = this.#now()
    if (this.#alone || now < this.#silentUntilMs) return Promise.reject(quotaUnavailable())
    const { promise, resolve, reject } = Promise.withResolvers<number | undefined>()
    const id = this.#nextId++
    const question: Question = {
      askedAtMs: now,
      failed: false,
      answer: (value) => {
        if (!question.failed) resolve(value)
        else if (value !== undefined) onLate()
      },
      fail: () => {
        question.failed = true
        reject(quotaUnavailable())
      },
    }
    this.#questions.set(id, question)
    this.#post(request(id))
    this.#watchDeadlines()
    return promise
  }

  #onAnswer(id: number, value: number | undefined): void {
    const question = this.#questions.get(id)
    this.#questions.delete(id)
    question?.answer(value)
  }

  #post(request: QuotaRequest): void {
    this.#outbox.push(request)
    if (this.#flushing) return
    this.#flushing = true
    setImmediate(() => this.flush())
  }

  /** Runs only while something waits. */
  #watchDeadlines(): void {
    this.#deadlines ??= setTimeout(() => {
      this.#deadlines = undefined
      const now = this.#now()
      let late = this.#leases.checkDeadlines(now)
      let open = this.#leases.isAsking
      for (const question of this.#questions.values()) {
        if (now >= question.askedAtMs + this.#timeoutMs && !question.failed) {
          question.fail()
          late = true
        }
        open ||= !question.failed
      }
      if (late) this.#silentUntilMs = now + SILENCE_MS
      if (open) this.#watchDeadlines()
    }, this.#timeoutMs / 4)
  }
}

function short(key: string): string {
  if (key.length <= MAX_KEY_LENGTH) return key
  return createHash('sha256').update(key).digest('base64')
}
