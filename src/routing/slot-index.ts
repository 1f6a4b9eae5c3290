import type { MatchRequest } from './match-rule.ts'
import { PatternTree } from './pattern-tree.ts'
import { Slot, type SlotEntry } from './slot.ts'

/** A rebuild pays off only when it shortens look-ups or frees memory worth the work. */
const MIN_EMPTY_SLOTS = 1000
/** Law 3 allows 10 ms; what else the turn of the event loop does needs room too. */
const SLICE_MS = 5
/** `performance.now()` costs about as much as 1 % of this many registrations. */
const SLOTS_PER_CLOCK_READ = 8

/** Runs a slice of work soon, but after pending I/O. */
export type Schedule = (slice: () => void) => void

/**
 * Slots by pattern, in a tree that is replaced in the background when most of it is empty.
 *
 * While a new tree grows, slice by slice, look-ups use the old one. Both hold the same slot objects,
 * so entries that come and go meanwhile are right in both; only slots that came to life meanwhile
 * have to be registered twice.
 */
export class SlotIndex<T> {
  #tree = new PatternTree<T>()
  #next: PatternTree<T> | undefined
  readonly #schedule: Schedule

  constructor(schedule: Schedule) {
    this.#schedule = schedule
  }

  /** Patterns in the tree, empty ones included. */
  get patterns(): number {
    return this.#tree.slots.size
  }

  add(pattern: string, entry: SlotEntry<T>): void {
    const slot = this.#tree.slots.get(pattern) ?? this.#createSlot(pattern)
    if (slot.isEmpty) this.#countEmpty(slot, -1)
    slot.add(entry)
    if (this.#next !== undefined && !this.#next.slots.has(pattern)) this.#next.add(slot)
  }

  remove(pattern: string, entry: SlotEntry<T>): void {
    const slot = this.#tree.slots.get(pattern)
    if (slot === undefined || slot.isEmpty) return
    slot.remove(entry)
    if (!slot.isEmpty) return
    this.#countEmpty(slot, 1)
    this.#rebuildIfSparse()
  }

  find(prefix: string, request: MatchRequest, stopsAtBody: boolean): SlotEntry<T> | undefined {
    return this.#tree.find(prefix, request, stopsAtBody)
  }

  #createSlot(pattern: string): Slot<T> {
    const slot = new Slot<T>(pattern)
    this.#tree.add(slot)
    this.#tree.emptySlots++
    return slot
  }

  #countEmpty(slot: Slot<T>, change: 1 | -1): void {
    this.#tree.emptySlots += change
    if (this.#next?.slots.has(slot.pattern)) this.#next.emptySlots += change
  }

  #rebuildIfSparse(): void {
    const { emptySlots, slots } = this.#tree
    if (this.#next !== undefined) return
    if (emptySlots <= MIN_EMPTY_SLOTS || emptySlots * 2 <= slots.size) return
    const next = new PatternTree<T>()
    this.#next = next
    this.#continueRebuild(next, slots.values())
  }

  #continueRebuild(next: PatternTree<T>, remaining: Iterator<Slot<T>>): void {
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

/** Registers slots that are in use until the slice is used up. Returns whether any may be left. */
function copySlice<T>(remaining: Iterator<Slot<T>>, next: PatternTree<T>): boolean {
  const deadline = performance.now() + SLICE_MS
  for (let count = 1; ; count++) {
    const { done, value: slot } = remaining.next()
    if (done) return false
    if (!slot.isEmpty && !next.slots.has(slot.pattern)) next.add(slot)
    if (count % SLOTS_PER_CLOCK_READ === 0 && performance.now() > deadline) return true
  }
}
