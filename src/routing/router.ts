import { ConfigError } from '../model/errors.ts'
import { HostTable, parseHostPattern } from './host-table.ts'
import type { MatchRequest, MatchRule } from './match-rule.ts'
import type { SlotEntry } from './slot.ts'
import { type Schedule, SlotIndex } from './slot-index.ts'
import { parseUri, type UriPattern } from './uri-pattern.ts'

export type { MatchRequest, MatchRule } from './match-rule.ts'

/**
 * Finds the value of the route that takes a request, in APISIX's order: exact host, wildcard hosts
 * from the longest, routes without hosts; within each, exact uri, then prefixes from the longest;
 * within one uri, higher priority, then smaller id. Whatever refuses the request is passed over.
 */
export interface Router<T> {
  /** Adds or replaces a route. Throws ConfigError and changes nothing if a uri or host cannot be one. */
  put(id: string, rule: MatchRule, value: T): void
  delete(id: string): void
  match(request: MatchRequest): T | undefined
  readonly size: number
  /** Distinct host and uri pairs in the tree, those included that wait for the background rebuild. */
  readonly patterns: number
}

/** Where the parts of one route were put. */
interface Placement<T> {
  readonly hosts: readonly string[]
  readonly places: readonly { readonly pattern: string; readonly entry: SlotEntry<T> }[]
}

/** Bucket of routes without hosts; host buckets count from 1. */
const ANY_HOST = '/0/'

/** Creates an empty router. `schedule` runs slices of the background rebuild. */
export function createRouter<T>(
  schedule: Schedule = (slice) => void setImmediate(slice),
): Router<T> {
  const hosts = new HostTable()
  const index = new SlotIndex<T>(schedule)
  const placements = new Map<string, Placement<T>>()

  function place(id: string, rule: MatchRule, value: T): Placement<T> {
    const uris = unique(rule.uris).map(parseUri)
    const ruleHosts = unique(rule.hosts.map(parseHostPattern))
    if (uris.length === 0) {
      throw new ConfigError('GW_CONFIG_INVALID', 'uris must name at least one uri')
    }
    const entries = uris.map((uri) => ({ uri, entry: createEntry(id, rule, uri, value) }))
    const prefixes = ruleHosts.map((host) => hosts.acquire(host))
    if (prefixes.length === 0) prefixes.push(ANY_HOST)
    const places = []
    for (const prefix of prefixes) {
      for (const { uri, entry } of entries) {
        const pattern = `${prefix}${uri.literal}${uri.isPrefix ? '*' : ''}`
        index.add(pattern, entry)
        places.push({ pattern, entry })
      }
    }
    return { hosts: ruleHosts, places }
  }

  function displace(placement: Placement<T>): void {
    for (const { pattern, entry } of placement.places) index.remove(pattern, entry)
    for (const host of placement.hosts) hosts.release(host)
  }

  return {
    put(id, rule, value) {
      const previous = placements.get(id)
      // The new one goes in first: slots and hosts that stay the same are then never empty.
      placements.set(id, place(id, rule, value))
      if (previous !== undefined) displace(previous)
    },

    delete(id) {
      const placement = placements.get(id)
      if (placement === undefined) return
      placements.delete(id)
      displace(placement)
    },

    match(request) {
      const entry = findInHosts(hosts, index, request) ?? index.find(ANY_HOST, request)
      return entry?.value
    },

    get size() {
      return placements.size
    },

    get patterns() {
      return index.patterns
    },
  }
}

function findInHosts<T>(
  hosts: HostTable,
  index: SlotIndex<T>,
  request: MatchRequest,
): SlotEntry<T> | undefined {
  const { host } = request
  const exact = hosts.exact(host)
  let entry = exact === undefined ? undefined : index.find(exact, request)
  let length = host.length + 1
  while (entry === undefined) {
    length = hosts.nextSuffixLength(host, length)
    if (length === -1) return undefined
    const prefix = hosts.suffix(host, length)
    if (prefix !== undefined) entry = index.find(prefix, request)
  }
  return entry
}

function createEntry<T>(id: string, rule: MatchRule, uri: UriPattern, value: T): SlotEntry<T> {
  return {
    id,
    value,
    priority: rule.priority,
    methods: rule.methods,
    accepts: rule.accepts,
    fits: uri.fits,
    uriLength: uri.uri.length,
  }
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)]
}
