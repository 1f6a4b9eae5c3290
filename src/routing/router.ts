import { ConfigError } from '../model/errors.ts'
import type { RouterMode } from '../model/routing.ts'
import { compileHosts } from './host-set.ts'
import { HostTable, parseHostPattern } from './host-table.ts'
import type { MatchRequest, MatchRule } from './match-rule.ts'
import { PatternIndex } from './pattern-index.ts'
import type { Schedule } from './prefix-index.ts'
import type { SlotEntry } from './slot.ts'
import { parseUri, type UriPattern } from './uri-pattern.ts'

export type { MatchRequest, MatchRule } from './match-rule.ts'

/**
 * Finds the value of the route that takes a request, in APISIX's order: exact host, wildcard hosts
 * from the longest, routes without hosts; within each, exact uri, then prefixes from the longest;
 * within one uri, higher priority, then smaller id. Whatever refuses the request is passed over.
 *
 * With `radixtree_uri` and `radixtree_uri_with_parameter`, the host is one more condition of a route
 * and says nothing of the order. With the latter, `:name` and `*name` are parameters, which the
 * request gets as variables `uri_param_name`.
 */
export interface Router<T> {
  /** Adds or replaces a route. Throws ConfigError and changes nothing if a uri or host cannot be one. */
  put(id: string, rule: MatchRule, value: T): void
  delete(id: string): void
  match(request: MatchRequest): T | undefined
  readonly size: number
  /**
   * Whether a route that comes into question looks into the body, so that it should be read before
   * `match`; without it such conditions see none.
   */
  wantsBody(request: MatchRequest): boolean
  /** Distinct pairs of host and uri, and what waits for the background rebuild. */
  readonly patterns: number
}

/** Where the parts of one route were put. */
interface Placement<T> {
  readonly needsBody: boolean
  readonly hosts: readonly string[]
  readonly buckets: readonly number[]
  readonly entries: readonly SlotEntry<T>[]
}

/** Bucket of routes without hosts; host buckets count from 1. */
const ANY_HOST = 0
/** Shared by all routes without hosts. */
const ANY_HOST_ONLY: readonly number[] = [ANY_HOST]
const NO_HOSTS: readonly string[] = []

interface RouterOptions {
  mode?: RouterMode | undefined
  /** Runs slices of the background rebuild. */
  schedule?: Schedule
}

const runSoon: Schedule = (slice) => void setImmediate(slice)

/** Creates an empty router. */
export function createRouter<T>({
  mode = 'radixtree_host_uri',
  schedule = runSoon,
}: RouterOptions = {}): Router<T> {
  const hostsFirst = mode === 'radixtree_host_uri'
  const withParameters = mode === 'radixtree_uri_with_parameter'
  const hosts = new HostTable()
  const index = new PatternIndex<T>(schedule)
  const placements = new Map<string, Placement<T>>()
  let readingBody = 0

  function place(id: string, rule: MatchRule, value: T): Placement<T> {
    const { uris, ruleHosts } = parseRule(rule, withParameters)
    const needsBody = rule.needsBody === true
    const hasHost = hostsFirst || ruleHosts.length === 0 ? undefined : compileHosts(ruleHosts)
    const entries = uris.map((uri) => createEntry(id, rule, uri, value, hasHost))
    const placedHosts = hostsFirst && ruleHosts.length > 0 ? ruleHosts : NO_HOSTS
    const buckets =
      placedHosts === NO_HOSTS ? ANY_HOST_ONLY : placedHosts.map((host) => hosts.acquire(host))
    for (const bucket of buckets) {
      for (const entry of entries) index.add(bucket, entry.uri, entry)
    }
    if (needsBody) readingBody++
    return { needsBody, hosts: placedHosts, buckets, entries }
  }

  function displace(placement: Placement<T>): void {
    if (placement.needsBody) readingBody--
    for (const bucket of placement.buckets) {
      for (const entry of placement.entries) index.remove(bucket, entry.uri, entry)
    }
    for (const host of placement.hosts) hosts.release(host)
  }

  function find(request: MatchRequest, stopsAtBody: boolean): SlotEntry<T> | undefined {
    const entry = findInHosts(hosts, index, request, stopsAtBody)
    return entry ?? index.find(ANY_HOST, request, stopsAtBody)
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
      const entry = find(request, false)
      if (entry?.uri.read !== undefined) keepParameters(entry.uri, request)
      return entry?.value
    },

    wantsBody(request) {
      return readingBody > 0 && find(request, true)?.needsBody === true
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
  index: PatternIndex<T>,
  request: MatchRequest,
  stopsAtBody: boolean,
): SlotEntry<T> | undefined {
  const { host } = request
  const exact = hosts.exact(host)
  let entry = exact === undefined ? undefined : index.find(exact, request, stopsAtBody)
  let length = host.length + 1
  while (entry === undefined) {
    length = hosts.nextSuffixLength(host, length)
    if (length === -1) return undefined
    const bucket = hosts.suffix(host, length)
    if (bucket !== undefined) entry = index.find(bucket, request, stopsAtBody)
  }
  return entry
}

function parseRule(rule: MatchRule, withParameters: boolean) {
  const uris = unique(rule.uris).map((uri) => parseUri(uri, withParameters))
  const ruleHosts = unique(rule.hosts.map(parseHostPattern))
  if (uris.length === 0) {
    throw new ConfigError('GW_CONFIG_INVALID', 'uris must name at least one uri')
  }
  return { uris, ruleHosts }
}

function createEntry<T>(
  id: string,
  rule: MatchRule,
  uri: UriPattern,
  value: T,
  hasHost: SlotEntry<T>['hasHost'],
): SlotEntry<T> {
  const { priority, accepts, needsBody = false } = rule
  const methods = rule.methods && shared(rule.methods)
  return { id, value, priority, methods, accepts, needsBody, hasHost, fits: uri.fits, uri }
}

/** One list for all routes with the same methods: it stays in the processor's cache. */
const methodLists = new Map<string, readonly string[]>()

function shared(methods: readonly string[]): readonly string[] {
  const key = methods.toSorted().join()
  const known = methodLists.get(key)
  if (known !== undefined) return known
  methodLists.set(key, methods)
  return methods
}

function keepParameters({ names = [], read }: UriPattern, request: MatchRequest): void {
  const values = read?.(request.path) ?? []
  for (const [i, name] of names.entries()) {
    request.setVariable?.(`uri_param_${name}`, values[i] ?? '')
  }
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)]
}
