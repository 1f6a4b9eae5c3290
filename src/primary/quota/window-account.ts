import type { QuotaAnswer, WindowLease, WindowTerms } from '../../model/quota.ts'

/** While requests of several workers meet at a window, leases are not called back for each of them. */
const BUSY_MS = 1_000
/** A worker that asks again within this time gets twice as much. */
const HOT_MS = 1_000
const MAX_LEASE = 4_096
/** A worker answers a recall within a turn of its event loop; one that does not is stuck. */
const RECALL_TIMEOUT_MS = 200
/** How long the workers refuse by themselves while a silent one may still have some. */
const UNSURE_MS = 100

/** What an account needs of its surroundings. */
export interface WindowSurroundings {
  send(worker: number, answer: QuotaAnswer): void
  /** Number of workers that share a window. */
  workers(): number
  /** Number for a lease, greater than all before. */
  nextLease(): number
  /** Leases have been called back: `checkRecall` is to be called until it says that all is over. */
  onRecall(account: WindowAccount): void
}

/** What a worker has of the window, as far as the primary can know. */
interface Holder {
  readonly worker: number
  lease: number
  /** Most that can be unused. */
  held: number
  /** What it got last, if it wants more soon. */
  size: number
  askedAtMs: number
  recalled: boolean
  /** Did not answer a recall: nobody waits for it again until it is heard. */
  silent: boolean
}

interface Asking {
  readonly holder: Holder
  readonly terms: WindowTerms
  readonly wanted: number
}

/**
 * One window, fixed or sliding. What is on lease counts as used, so whatever becomes of a worker,
 * the limit holds. When a request comes from one worker while another has some on lease:
 * - nothing else going on: the lease is called back first, so that the remaining count is right for
 *   requests that follow one another, whichever workers they reach;
 * - the window is busy: leases stay, until there is too little left without them. None is refused
 *   while some worker has some unused.
 */
export class WindowAccount {
  readonly key: string
  readonly #around: WindowSurroundings
  #terms: WindowTerms
  /** Requests admitted or on lease in this window, and in the one before. */
  #granted = 0
  #last = 0
  #endsAtMs = 0
  #holders: Holder[] = []
  #asking: Asking[] = []
  #busyUntilMs = 0
  #recalledAtMs = 0
  /** Leases before this one are of an account of the same key that was forgotten. */
  readonly #firstLease: number

  constructor(key: string, terms: WindowTerms, around: WindowSurroundings) {
    this.key = key
    this.#terms = terms
    this.#around = around
    this.#firstLease = around.nextLease()
  }

  /** True when nothing of it matters any more. */
  isOver(now: number): boolean {
    const { sliding, windowMs } = this.#terms
    return this.#asking.length === 0 && now >= this.#endsAtMs + (sliding ? windowMs : 0)
  }

  /** A worker has nothing left, and `wanted` requests wait. */
  ask(worker: number, terms: WindowTerms, wanted: number, now: number): void {
    this.#roll(terms, now)
    const holder = this.#holderOf(worker)
    holder.held = 0
    holder.recalled = false
    holder.silent = false
    const limitChanged = terms.limit !== this.#terms.limit
    if (wanted > 1 || this.#asking.length > 0) this.#busyUntilMs = now + BUSY_MS
    this.#asking.push({ holder, terms, wanted })
    if (limitChanged || now >= this.#busyUntilMs || this.#wanted > this.#room(terms, now)) {
      this.#recall(worker, now)
    }
    this.#settleIfAllIsBack(now)
  }

  /** A worker gave back what it had left of a lease. */
  giveBack(worker: number, lease: number, endsAtMs: number, unused: number, now: number): void {
    if (lease < this.#firstLease) return
    if (endsAtMs === this.#endsAtMs) this.#granted -= unused
    else if (endsAtMs === this.#endsAtMs - this.#terms.windowMs) this.#last -= unused
    const holder = this.#holders.find((other) => other.worker === worker)
    if (holder === undefined) return
    holder.silent = false
    if (holder.lease !== lease) return
    holder.held = 0
    holder.recalled = false
    this.#settleIfAllIsBack(now)
  }

  /** The worker is no more; what it had on lease is lost until the window ends. */
  forget(worker: number, now: number): void {
    const index = this.#holders.findIndex((holder) => holder.worker === worker)
    if (index === -1) return
    this.#holders.splice(index, 1)
    this.#asking = this.#asking.filter(({ holder }) => holder.worker !== worker)
    this.#settleIfAllIsBack(now)
  }

  /** True once no recall is open. Those who do not answer in time are not waited for. */
  checkRecall(now: number): boolean {
    if (now < this.#recalledAtMs + RECALL_TIMEOUT_MS) return !this.#isRecalling
    for (const holder of this.#holders) {
      holder.silent ||= holder.recalled
      holder.recalled = false
    }
    this.#settleIfAllIsBack(now)
    return true
  }

  get #isRecalling(): boolean {
    return this.#holders.some(({ recalled }) => recalled)
  }

  get #wanted(): number {
    return this.#asking.reduce((sum, { wanted }) => sum + wanted, 0)
  }

  #holderOf(worker: number): Holder {
    let holder = this.#holders.find((other) => other.worker === worker)
    if (holder === undefined) {
      const nothing = { lease: 0, held: 0, size: 0, askedAtMs: Number.NEGATIVE_INFINITY }
      holder = { worker, ...nothing, recalled: false, silent: false }
      this.#holders.push(holder)
    }
    return holder
  }

  /** Begins a new window when the last one is over. Leases of it ended with it, by everyone's clock. */
  #roll(terms: WindowTerms, now: number): void {
    if (now < this.#endsAtMs) return
    const { windowMs } = terms
    const before = this.#endsAtMs
    this.#endsAtMs = now + windowMs
    this.#last = 0
    if (terms.sliding) {
      const startsAtMs = Math.floor(now / windowMs) * windowMs
      this.#endsAtMs = startsAtMs + windowMs
      if (before === startsAtMs) this.#last = this.#granted
    }
    this.#granted = 0
    this.#terms = terms
    for (const holder of this.#holders) holder.held = 0
  }

  /** Requests that may be admitted now, all at once. */
  #room({ limit }: WindowTerms, now: number): number {
    return Math.max(0, Math.ceil(limit - this.#granted - this.#carriedOver(limit, now)))
  }

  /** What the window before still counts. */
  #carriedOver(limit: number, now: number): number {
    if (this.#last <= 0) return 0
    return (Math.min(this.#last, limit) * (this.#endsAtMs - now)) / this.#terms.windowMs
  }

  #recall(asker: number, now: number): void {
    let some = false
    for (const holder of this.#holders) {
      if (holder.worker === asker || holder.held === 0 || holder.silent || holder.recalled) continue
      holder.recalled = true
      some = true
      this.#around.send(holder.worker, { op: 'recall', key: this.key })
    }
    if (!some) return
    this.#recalledAtMs = now
    this.#around.onRecall(this)
  }

  #settleIfAllIsBack(now: number): void {
    if (this.#asking.length === 0 || this.#isRecalling) return
    for (let one = this.#asking[0]; one !== undefined; one = this.#asking[0]) {
      this.#roll(one.terms, now)
      this.#terms = one.terms
      const othersWant = this.#wanted - one.wanted
      this.#asking.shift()
      this.#around.send(one.holder.worker, this.#lend(one, othersWant, now))
    }
  }

  #lend({ holder, terms, wanted }: Asking, othersWant: number, now: number): WindowLease {
    const room = this.#room(terms, now)
    holder.size = now - holder.askedAtMs < HOT_MS ? Math.min(holder.size * 2, MAX_LEASE) : 1
    holder.askedAtMs = now
    // The smaller the rest, the smaller the leases: in the end requests are admitted one by one.
    const share = Math.floor((room - othersWant) / (4 * this.#around.workers()))
    const granted = Math.min(room, Math.max(wanted, Math.min(holder.size, share)))
    const before = this.#granted
    this.#granted += granted
    holder.lease = this.#around.nextLease()
    holder.held = granted > wanted ? granted : 0
    return {
      op: 'lease',
      key: this.key,
      lease: holder.lease,
      terms,
      granted,
      before,
      last: Math.max(0, Math.min(this.#last, terms.limit)),
      endsAtMs: this.#endsAtMs,
      refusedUntilMs: granted < room ? undefined : this.#refusedUntil(holder, terms, now),
    }
  }

  /** When there will be room again, now that this worker gets the last of it. */
  #refusedUntil(asker: Holder, { limit }: WindowTerms, now: number): number | undefined {
    const others = this.#holders.filter((holder) => holder !== asker)
    if (others.some(({ silent }) => silent)) return now + UNSURE_MS
    if (others.some(({ held }) => held > 0)) return undefined
    const left = limit - this.#granted
    if (left <= 0 || this.#last <= 0) return this.#endsAtMs
    // The share of the window before that leaves room for one more.
    const carriedOverMs = (left * this.#terms.windowMs) / Math.min(this.#last, limit)
    return this.#endsAtMs - carriedOverMs
  }
}
