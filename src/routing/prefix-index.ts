import type { MatchRequest } from './match-rule.ts'
import { type Prefix, PrefixTree } from './prefix-tree.ts'
import type { Slot, SlotEntry } from './slot.ts'

/** A rebuild pays off only when it shortens look-ups or frees memory worth the work. */
const MIN_UNUSED = 1000
/** Law 3 allows 10 ms; what else the turn of the event loop does needs room too. */
const SLICE_MS = 5
/** `performance.now()` costs about as much as 1 % of this many registrations. */
const PREFIXES_PER_CLOCK_READ = 8

/** Runs a slice of work soon, but after pending I/O. */
export type Schedule = (slice: () => void) => void

/**
 * The prefixes of all hosts in a tree that is replaced in the background when most of it is unused.
 *
 * While a new tree grows, slice by slice, look-ups use the old one. Both hold the same prefixes, so
 * what comes and goes meanwhile is right in both; only those that came to life meanwhile have to be
 * registered twice.
 */
export class PrefixIndex<T> {
  #tree = new PrefixTree<T>()
  #next: PrefixTree<T> | undefined
  readonly #schedule: Schedule

  constructor(schedule: Schedule) {
    this.#schedule = schedule
  }

  /** Prefixes in the tree that no host has any more. */
  get unused(): number {
    return this.#tree.unused
  }

  /** One more host has this prefix. */
  add(literal: string): void {
    const prefix = this.#tree.prefixes.get(literal) ?? this.#create(literal)
    if (prefix.hosts === 0) this.#countUnused(prefix, -1)
    prefix.hosts++
    if (this.#next !== undefined && !this.#next.prefixes.has(literal)) this.#next.add(prefix)
  }

  remove(literal: string): void {
    const prefix = this.#tree.prefixes.get(literal)
    if (prefix === undefined || --prefix.hosts > 0) return
    this.#countUnused(prefix, 1)
    this.#rebuildIfSparse()
  }

  /** The best entry of the slots of a host, which are by prefix. */
  find(
    slots: ReadonlyMap<string, Slot<T>>,
    request: MatchRequest,
    stopsAtBody: boolean,
  ): SlotEntry<T> | undefined {
    return this.#tree.find(slots, request, stopsAtBody)
  }

  #create(literal: string): Prefix {
    const prefix: Prefix = { literal, hosts: 0 }
    this.#tree.add(prefix)
    this.#tree.unused++
    return prefix
  }

  #countUnused({ literal }: Prefix, change: 1 | -1): void {
    this.#tree.unused += change
    if (this.#next?.prefixes.has(literal)) this.#next.unused += change
  }

  #rebuildIfSparse(): void {
    const { unused, prefixes } = this.#tree
    if (this.#next !== undefined) return
    if (unused <= MIN_UNUSED || unused * 2 <= prefixes.size) return
    const next = new PrefixTree<T>()
    this.#next = next
    this.#continueRebuild(next, prefixes.values())
  }

  #continueRebuild(next: PrefixTree<T>, remaining: Iterator<Prefix>): void {
    this.#schedule(() => {
      if (copySlice(remaining, next)) {
        this.#continueRebuild(next, remaining)
        return
      }
      this.#tree = next
      this.#next = undefined
      this.#rebuildIfSparse()
    })
  }
}

/** Registers prefixes that are in use until the slice is used up. Returns whether any may be left. */
function copySlice<T>(remaining: Iterator<Prefix>, next: PrefixTree<T>): boolean {
  const deadline = performance.now() + SLICE_MS
  for (let count = 1; ; count++) {
    const { done, value: prefix } = remaining.next()
    if (done) return false
    if (prefix.hosts > 0 && !next.prefixes.has(prefix.literal)) next.add(prefix)
    if (count % PREFIXES_PER_CLOCK_READ === 0 && performance.now() > deadline) return true
  }
}
