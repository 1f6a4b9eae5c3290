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
  /** `accepts` looks into the body. */
  readonly needsBody: boolean
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

  /** The best entry that takes the request; with `stopsAtBody`, or may take it once its body is read. */
  pick(request: MatchRequest, stopsAtBody: boolean): SlotEntry<T> | undefined {
    for (const entry of this.#entries) {
      if (!fits(entry, request)) continue
      if (entry.accepts === undefined || (stopsAtBody && entry.needsBody)) return entry
      if (entry.accepts(request as RequestContext)) return entry
    }
    return undefined
  }
}

/** Whether method, host and the rest of the uri are the route's. */
function fits(entry: SlotEntry<unknown>, { method, host, path }: MatchRequest): boolean {
  if (entry.methods !== undefined && !entry.methods.includes(method)) return false
  if (entry.hasHost !== undefined && !entry.hasHost(host)) return false
  return entry.uri.fits === undefined || entry.uri.fits(path)
}

/** Negative = a goes first. The id settles ties, so that all workers decide alike. */
function compare(a: SlotEntry<unknown>, b: SlotEntry<unknown>): number {
  if (a.priority !== b.priority) return b.priority - a.priority
  const lengths = b.uri.uri.length - a.uri.uri.length
  if (lengths !== 0) return lengths
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0
}
