import type { RequestContext } from '../model/request-context.ts'
import type { MatchRequest } from './match-rule.ts'
import type { UriPattern } from './uri-pattern.ts'

/** One route under one uri and host. */
export interface SlotEntry<T> {
  readonly id: string
  readonly value: T
  readonly priority: number
  readonly methods: readonly string[] | undefined
  readonly accepts: ((request: RequestContext) => boolean) | undefined
  /** Where hosts are no part of the pattern: whether the request's is one of the route's. */
  readonly hasHost: ((host: string) => boolean) | undefined
  /** A longer one wins within a slot at equal priority, as in radixtree. */
  readonly uri: UriPattern
}

/**
 * All routes that share one pattern, best first. The pattern tree holds the slot for good; what
 * changes with the configuration is the list in here.
 */
export class Slot<T> {
  readonly pattern: string
  readonly #entries: SlotEntry<T>[] = []

  constructor(pattern: string) {
    this.pattern = pattern
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0
  }

  add(entry: SlotEntry<T>): void {
    const entries = this.#entries
    let low = 0
    let high = entries.length
    while (low < high) {
      const middle = (low + high) >> 1
      const other = entries[middle]
      if (other !== undefined && compare(other, entry) <= 0) low = middle + 1
      else high = middle
    }
    entries.splice(low, 0, entry)
  }

  remove(entry: SlotEntry<T>): void {
    const at = this.#entries.indexOf(entry)
    if (at !== -1) this.#entries.splice(at, 1)
  }

  /** The best entry that takes the request. */
  pick(request: MatchRequest): SlotEntry<T> | undefined {
    for (const entry of this.#entries) {
      if (entry.methods !== undefined && !entry.methods.includes(request.method)) continue
      if (entry.hasHost !== undefined && !entry.hasHost(request.host)) continue
      const { fits } = entry.uri
      if (fits !== undefined && !fits(request.path)) continue
      if (entry.accepts !== undefined && !entry.accepts(request as RequestContext)) continue
      return entry
    }
    return undefined
  }
}

/** Negative = a goes first. The id settles ties, so that all workers decide alike. */
function compare(a: SlotEntry<unknown>, b: SlotEntry<unknown>): number {
  if (a.priority !== b.priority) return b.priority - a.priority
  const lengths = b.uri.uri.length - a.uri.uri.length
  if (lengths !== 0) return lengths
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0
}
