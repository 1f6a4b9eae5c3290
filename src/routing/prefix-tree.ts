import findMyWay from 'find-my-way'
import type { MatchRequest } from './match-rule.ts'
import type { Slot, SlotEntry } from './slot.ts'

/** A prefix that ends within a segment (`/shop*`). */
export interface Prefix {
  /** Without the star. */
  readonly literal: string
  /** How many have it; 0: it waits for the next rebuild. */
  hosts: number
}

/** Asks the slots of a host during a look-up and remembers the answer. */
interface Probe<T> {
  /** By prefix. */
  slots: ReadonlyMap<string, Slot<T>>
  request: MatchRequest
  stopsAtBody: boolean
  found: SlotEntry<T> | undefined
}

/** The one method that everything is registered under: slots decide methods themselves. */
const ANY_METHOD = 'GET'

const SYNTAX = /[%?#:*]/
const SYNTAX_ALL = /[%?#:*]/g

/**
 * Lone low surrogates stand in for the characters that find-my-way reads as syntax, in patterns
 * and paths alike: nothing can then be decoded twice, cut at a `?` or taken for a parameter. A
 * decoded path or a well-formed uri never contains one, so no two paths become equal by this.
 */
const STAND_INS: Record<string, string> = {
  '%': '\udc00',
  '?': '\udc01',
  '#': '\udc02',
  ':': '\udc03',
  '*': '\udc04',
}

/**
 * find-my-way over the prefixes of all hosts. A prefix is registered once, in 10 µs, however many
 * hosts have it, and can never be taken out (`off` rebuilds everything: 157 ms at 10 000). One that
 * the host does not have, or whose routes refuse the request, lets the router go on to the next
 * shorter one.
 */
export class PrefixTree<T> {
  readonly prefixes = new Map<string, Prefix>()
  /** How many of them no host has; kept by the owner, who sees them come and go. */
  unused = 0
  readonly #router
  readonly #probe: Probe<T> = {
    slots: new Map(),
    request: { method: '', host: '', path: '' },
    stopsAtBody: false,
    found: undefined,
  }
  readonly #constraints = { prefix: this.#probe }

  constructor() {
    this.#router = findMyWay({
      constraints: { prefix: prefixStrategy<T>() },
      querystringParser: () => undefined,
    })
  }

  add(prefix: Prefix): void {
    const path = `${escapePath(prefix.literal)}*`
    this.#router.on(ANY_METHOD, path, { constraints: { prefix } }, neverCalled)
    this.prefixes.set(prefix.literal, prefix)
  }

  /** The entry under the longest prefix of the request's path that takes the request. */
  find(
    slots: ReadonlyMap<string, Slot<T>>,
    request: MatchRequest,
    stopsAtBody: boolean,
  ): SlotEntry<T> | undefined {
    const path = SYNTAX.test(request.path) ? escapePath(request.path) : request.path
    const probe = this.#probe
    probe.slots = slots
    probe.request = request
    probe.stopsAtBody = stopsAtBody
    probe.found = undefined
    this.#router.find(ANY_METHOD, path, this.#constraints as never)
    return probe.found
  }
}

function escapePath(path: string): string {
  return path.replaceAll(SYNTAX_ALL, (character) => STAND_INS[character] ?? character)
}

/** Never called: `find` is used for what the probe saw on its way. */
function neverCalled(): void {}

/**
 * A find-my-way constraint whose "storage" is the prefix itself. The router calls `get` once with the
 * prefix while it registers it (before `set`, and wants no match), and with the probe on look-up.
 */
function prefixStrategy<T>() {
  return {
    name: 'prefix',
    storage() {
      let literal: string | undefined
      let matchMask = 0
      return {
        get(probe: Probe<T>) {
          if (literal === undefined) return 0
          probe.found = probe.slots.get(literal)?.pick(probe.request, probe.stopsAtBody)
          return probe.found === undefined ? 0 : matchMask
        },
        set(key: Prefix, mask: number) {
          literal = key.literal
          matchMask = mask
        },
      }
    },
    deriveConstraint: () => undefined,
  } as never
}
