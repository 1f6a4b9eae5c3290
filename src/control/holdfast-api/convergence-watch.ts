import { setTimeout as delay } from 'node:timers/promises'
import type { RevisionLog } from '../../store/revision-log.ts'
import { assessConvergence, type Convergence, type FleetFacts } from './convergence.ts'
import type { Fleet } from './fleet.ts'

const POLL_MS = 50

interface WatchOptions {
  fleet: Pick<Fleet, 'facts'>
  history: Pick<RevisionLog, 'changedKeys'>
}

/** What a wait ends with: the last that is known, or why nothing is. */
export type WaitResult = Convergence | { converged: false; problem: string }

interface Waiter {
  revision: number
  /** Undefined = not read yet. */
  changed: ReadonlySet<string> | undefined
  last: WaitResult
  end(result: WaitResult): void
}

/** Tells when a revision is served everywhere. However many wait, each group is polled once. */
export class ConvergenceWatch {
  readonly #options: WatchOptions
  readonly #groups = new Map<string, Set<Waiter>>()
  readonly #stopping = new AbortController()

  constructor(options: WatchOptions) {
    this.#options = options
  }

  /** Resolves when every live instance serves the revision, or at the deadline with who does not. */
  async wait(group: string, revision: number, timeoutMs: number): Promise<WaitResult> {
    const { promise, resolve } = Promise.withResolvers<WaitResult>()
    const waiter: Waiter = {
      ...{ revision, changed: undefined, end: resolve },
      last: { converged: false, problem: 'the database has not answered yet' },
    }
    if (this.#stopping.signal.aborted) return waiter.last
    const timer = setTimeout(() => resolve(waiter.last), timeoutMs)
    void this.#join(group, waiter)
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      this.#groups.get(group)?.delete(waiter)
    }
  }

  /** Ends all waits with what is known. Idempotent. */
  stop(): void {
    this.#stopping.abort()
    for (const waiters of this.#groups.values()) {
      for (const waiter of waiters) waiter.end(waiter.last)
    }
  }

  async #join(group: string, waiter: Waiter): Promise<void> {
    const waiters = this.#groups.get(group) ?? new Set()
    waiters.add(waiter)
    if (this.#groups.has(group)) return
    this.#groups.set(group, waiters)
    while (waiters.size > 0 && !this.#stopping.signal.aborted) {
      await this.#look(group, waiters)
      if (waiters.size > 0) await delay(POLL_MS)
    }
    this.#groups.delete(group)
  }

  async #look(group: string, waiters: ReadonlySet<Waiter>): Promise<void> {
    try {
      const facts = await this.#options.fleet.facts(group)
      await Promise.all([...waiters].map((waiter) => this.#assess(group, waiter, facts)))
    } catch (error) {
      const problem = (error as Error).message
      for (const waiter of waiters) waiter.last = { converged: false, problem }
    }
  }

  async #assess(group: string, waiter: Waiter, facts: FleetFacts | undefined): Promise<void> {
    if (facts === undefined) return
    const { revision, changed = await this.#options.history.changedKeys(group, revision) } = waiter
    waiter.changed = changed
    // Facts that are older than the revision would call whoever has it already ahead.
    if (facts.head.revision < revision) return
    waiter.last = assessConvergence(facts, { revision, changed })
    if (waiter.last.converged) waiter.end(waiter.last)
  }
}
