import type { QuotaRequest, WindowLease, WindowTerms, WindowVerdict } from '../../model/quota.ts'
import { quotaUnavailable } from './quota-unavailable.ts'

/** Leases a worker keeps; beyond, the one that was made first goes back. */
const MAX_LEASES = 10_000
/** A lease that nobody used for so long goes back. */
const IDLE_MS = 1_000
/** An unanswered question is asked again after this time. */
const ASK_AGAIN_MS = 5_000

interface Waiter {
  readonly terms: WindowTerms
  resolve(verdict: WindowVerdict): void
  reject(error: Error): void
}

type Question = Extract<QuotaRequest, { op: 'take' }>

/** What a worker knows of one window. */
interface Held {
  readonly key: string
  lease: WindowLease | undefined
  left: number
  usedAtMs: number
  /** Refused without asking until then. */
  refusedUntilMs: number
  /** Requests that wait for the answer to a question. */
  waiting: Waiter[]
  /** The question is put for so many of those who wait. */
  askedFor: number
  /** Undefined: none is open. May be changed while its turn lasts. */
  question: Question | undefined
  askedInTurn: number
  askedAtMs: number
}

interface LeaseOptions {
  now(): number
  /** Sends it with all others of this turn of the loop; until then it may be changed. */
  post(request: QuotaRequest): void
  /** Number of the message that is being gathered. */
  turn(): number
  /** Something waits for an answer: `checkDeadlines` is to be called. */
  onWait(): void
  timeoutMs: number
  /** The primary was asked in vain a moment ago. */
  isSilent(now: number): boolean
}

/** The parts of windows that this worker has on lease. */
export class WindowLeases {
  readonly #options: LeaseOptions
  readonly #held = new Map<string, Held>()
  /** Those with an open question. */
  readonly #asking = new Set<Held>()
  /** No lease is kept any more: the worker is on its way out. */
  #draining = false

  constructor(options: LeaseOptions) {
    this.#options = options
  }

  take(key: string, terms: WindowTerms): WindowVerdict | Promise<WindowVerdict> {
    const now = this.#options.now()
    const held = this.#held.get(key)
    if (held !== undefined && fits(held.lease, terms, now)) {
      if (held.left > 0) {
        held.usedAtMs = now
        return admit(held, held.lease, now)
      }
      if (now < held.refusedUntilMs) return refuse(held, held.lease, now)
    }
    if (this.#options.isSilent(now)) return Promise.reject(quotaUnavailable())
    return this.#wait(held ?? this.#hold(key), terms, now)
  }

  /** The answer to a question. */
  onLease(lease: WindowLease): void {
    const held = this.#held.get(lease.key) ?? this.#hold(lease.key)
    const now = this.#options.now()
    const askedFor = held.askedFor
    held.lease = lease
    held.left = lease.granted
    held.usedAtMs = now
    held.refusedUntilMs = lease.refusedUntilMs ?? 0
    held.question = undefined
    this.#asking.delete(held)
    const waiting = held.waiting
    held.waiting = []
    for (const [index, waiter] of waiting.entries()) {
      this.#settle(held, waiter, index < askedFor, now)
    }
    if (this.#draining) this.#giveBack(held)
  }

  /** Others need what is left. */
  onRecall(key: string): void {
    const held = this.#held.get(key)
    // While a question is open nothing is left, which is what the question has said.
    if (held === undefined || held.question !== undefined) return
    this.#giveBack(held)
  }

  /** True while questions are open. */
  get isAsking(): boolean {
    return this.#asking.size > 0
  }

  /** Turns away those who have waited too long. True if there were any. */
  checkDeadlines(now: number): boolean {
    let late = false
    for (const held of this.#asking) {
      if (now < held.askedAtMs + this.#options.timeoutMs) continue
      late ||= held.waiting.length > 0
      this.#turnAway(held)
      if (now < held.askedAtMs + ASK_AGAIN_MS) continue
      this.#asking.delete(held)
      this.#held.delete(held.key)
    }
    return late
  }

  /** Gives back what nobody uses, forgets what is over. */
  sweep(now: number): void {
    for (const held of this.#held.values()) {
      if (held.question !== undefined || held.lease === undefined) continue
      const isOver = now >= held.lease.endsAtMs
      if (!isOver && now < held.usedAtMs + IDLE_MS) continue
      const refuses = held.left === 0 && now < held.refusedUntilMs
      if (isOver || !refuses) this.#forget(held, now)
    }
  }

  drain(): void {
    this.#draining = true
    for (const held of this.#held.values()) if (held.left > 0) this.#giveBack(held)
  }

  /** There is no primary any more. */
  stop(): void {
    for (const held of this.#asking) this.#turnAway(held)
    this.#asking.clear()
  }

  #wait(held: Held, terms: WindowTerms, now: number): Promise<WindowVerdict> {
    if (held.left > 0) this.#giveBack(held)
    const { promise, resolve, reject } = Promise.withResolvers<WindowVerdict>()
    this.#join(held, { terms, resolve, reject }, now)
    return promise
  }

  #join(held: Held, waiter: Waiter, now: number): void {
    held.waiting.push(waiter)
    const { question } = held
    if (question === undefined) {
      this.#ask(held, waiter.terms, now)
    } else if (
      held.askedInTurn === this.#options.turn() &&
      held.askedFor === held.waiting.length - 1 &&
      areSame(question.terms, waiter.terms)
    ) {
      held.askedFor += 1
      question.wanted += 1
    }
  }

  #ask(held: Held, terms: WindowTerms, now: number): void {
    held.askedAtMs = now
    held.askedFor = 1
    held.askedInTurn = this.#options.turn()
    held.question = { op: 'take', key: held.key, terms, wanted: 1 }
    this.#asking.add(held)
    this.#options.onWait()
    this.#options.post(held.question)
  }

  #settle(held: Held, waiter: Waiter, wasAskedFor: boolean, now: number): void {
    const { lease } = held
    if (fits(lease, waiter.terms, now)) {
      if (held.left > 0) {
        waiter.resolve(admit(held, lease, now))
        return
      }
      if (wasAskedFor || now < held.refusedUntilMs) {
        waiter.resolve(refuse(held, lease, now))
        return
      }
    }
    if (held.left > 0) this.#giveBack(held)
    this.#join(held, waiter, now)
  }

  #turnAway(held: Held): void {
    const { waiting } = held
    held.waiting = []
    for (const { reject } of waiting) reject(quotaUnavailable())
  }

  #giveBack(held: Held): void {
    const { key, lease, left } = held
    if (lease === undefined) return
    held.left = 0
    held.refusedUntilMs = 0
    const { endsAtMs } = lease
    this.#options.post({ op: 'return', key, lease: lease.lease, endsAtMs, unused: left })
  }

  #forget(held: Held, now: number): void {
    this.#held.delete(held.key)
    const { lease, left, askedFor } = held
    if (lease === undefined) return
    const isOver = now >= lease.endsAtMs
    // What a fixed window had left is of no use to anyone any more. While a window lasts, the primary
    // takes it that some of what nobody asked for is left, and would wait for it.
    const matters = isOver ? left > 0 && lease.terms.sliding : left > 0 || lease.granted > askedFor
    if (matters) this.#giveBack(held)
  }

  #hold(key: string): Held {
    if (this.#held.size >= MAX_LEASES) this.#dropOldest()
    const held: Held = {
      key,
      lease: undefined,
      left: 0,
      usedAtMs: 0,
      refusedUntilMs: 0,
      waiting: [],
      askedAtMs: 0,
      askedFor: 0,
      askedInTurn: 0,
      question: undefined,
    }
    this.#held.set(key, held)
    return held
  }

  #dropOldest(): void {
    for (const held of this.#held.values()) {
      if (held.question !== undefined) continue
      this.#forget(held, this.#options.now())
      return
    }
  }
}

function fits(
  lease: WindowLease | undefined,
  terms: WindowTerms,
  now: number,
): lease is WindowLease {
  if (lease === undefined || now >= lease.endsAtMs) return false
  const own = lease.terms
  return (
    own.limit === terms.limit && own.windowMs === terms.windowMs && own.sliding === terms.sliding
  )
}

function admit(held: Held, lease: WindowLease, now: number): WindowVerdict {
  held.left -= 1
  const { terms, before, granted, last, endsAtMs } = lease
  const resetMs = endsAtMs - now
  const rest = terms.limit - before - (granted - held.left)
  const remaining = last === 0 ? rest : Math.floor(rest - (last * resetMs) / terms.windowMs)
  return { admitted: true, remaining: remaining > 0 ? remaining : 0, resetMs }
}

function refuse(held: Held, { endsAtMs, terms }: WindowLease, now: number): WindowVerdict {
  const roomAtMs = terms.sliding && held.refusedUntilMs > now ? held.refusedUntilMs : endsAtMs
  return { admitted: false, remaining: 0, resetMs: roomAtMs - now }
}

function areSame(a: WindowTerms, b: WindowTerms): boolean {
  return a.limit === b.limit && a.windowMs === b.windowMs && a.sliding === b.sliding
}
