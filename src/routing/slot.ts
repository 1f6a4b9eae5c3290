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
  /** The uri's own `fits`, where a look-up finds it without another step. */
  readonly fits: ((path: string) => boolean) | undefined
  /** A longer one wins within a slot at equal priority, as in radixtree. */
  readonly uri: UriPattern
}

/**
 * All routes that share one host and pattern, best first. Most slots have one route: it stands in the
 * slot itself, since over 100 000 routes every step to another object is a cache miss.
 */
export class Slot<T> {
  #best: SlotEntry<T> | undefined
  #others: SlotEntry<T>[] | undefined

  get isEmpty(): boolean {
    return this.#best === undefined
  }

  add(entry: SlotEntry<T>): void {
    const best = this.#best
    if (best === undefined) {
      this.#best = entry
      return
    }
    this.#others ??= []
    if (compare(entry, best) < 0) {
      this.#best = entry
      this.#others.unshift(best)
    } else {
      this.#others.splice(placeOf(entry, this.#others), 0, entry)
    }
  }

  remove(entry: SlotEntry<T>): void {
    const others = this.#others ?? []
    const at = others.indexOf(entry)
    if (this.#best === entry) this.#best = others.shift()
    else if (at !== -1) others.splice(at, 1)
    if (others.length === 0) this.#others = undefined
  }

  /** The best entry that takes the request; with `stopsAtBody`, or may take it once its body is read. */
  pick(request: MatchRequest, stopsAtBody: boolean): SlotEntry<T> | undefined {
    const best = this.#best
    if (best === undefined || takes(best, request, stopsAtBody)) return best
    return this.#others?.find((entry) => takes(entry, request, stopsAtBody))
  }
}

/** Where to put an entry: behind those that are as good. */
function placeOf(entry: SlotEntry<unknown>, entries: readonly SlotEntry<unknown>[]): number {
  let low = 0
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >> 1
    const other = entries[middle]
    if (other !== undefined && compare(other, entry) <= 0) low = middle + 1
    else high = middle
  }
  return low
}

function takes(entry: SlotEntry<unknown>, request: MatchRequest, stopsAtBody: boolean): boolean {
  if (!fits(entry, request)) return false
  if (entry.accepts === undefined || (stopsAtBody && entry.needsBody)) return true
  return entry.accepts(request as RequestContext)
}

/** Whether method, host and the rest of the uri are the route's. */
function fits(entry: SlotEntry<unknown>, { method, host, path }: MatchRequest): boolean {
  if (entry.methods !== undefined && !entry.methods.includes(method)) return false
  if (entry.hasHost !== undefined && !entry.hasHost(host)) return false
  return entry.fits === undefined || entry.fits(path)
}

/** Negative = a goes first. The id settles ties, so that all workers decide alike. */
function compare(a: SlotEntry<unknown>, b: SlotEntry<unknown>): number {
  if (a.priority !== b.priority) return b.priority - a.priority
  const lengths = b.uri.uri.length - a.uri.uri.length
  if (lengths !== 0) return lengths
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0
}
