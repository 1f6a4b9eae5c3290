import { backoffMs } from '../../support/backoff.ts'
import type { NameLookup, NameQuery, ResolvedNode } from './name-lookup.ts'

/** What is known of a name; `nodes` is the last good answer, whatever has happened since. */
export interface NameWatch {
  /** Undefined if there has never been an answer. */
  readonly nodes: readonly ResolvedNode[] | undefined
  /** The first look-up is under way: neither an answer nor a failure so far. */
  readonly pending: boolean
  stop(): void
}

/** Keeps names resolved, off the path of requests. */
export interface NameService {
  /** `onChange` is called after each change of `nodes` or `pending`, and never before this returns. */
  watch(query: NameQuery, onChange: () => void): NameWatch
  /** Look-ups that failed so far. */
  readonly failures: number
  /** Names whose last look-up failed. */
  readonly failing: number
  stop(): void
}

export interface NameServiceOptions {
  /** A shorter TTL, 0 above all, counts as this. */
  readonly minTtlMs: number
  readonly maxTtlMs: number
  /** Hears of each failure, of an answer after failures, and of each new answer. */
  readonly observer?: NameObserver
  /** Last answers of a predecessor, by `queryKey`: good until there is a better one. */
  readonly remembered?: ReadonlyMap<string, readonly ResolvedNode[]>
}

export interface NameObserver {
  onFailure?(query: NameQuery, error: Error, hasAnswer: boolean): void
  onRecovery?(query: NameQuery): void
  onAnswer?(query: NameQuery, nodes: readonly ResolvedNode[]): void
}

/** How long an unused name is remembered: over a change of configuration, at least. */
const LINGER_MS = 60_000
/** Look-ups at once: resolvers drop what comes in floods. */
const MAX_LOOKUPS = 64
const RETRY = { baseMs: 1_000, maxMs: 30_000 }
const MIN_RETRY_MS = 200
/** Refreshes of different workers and instances drift apart. */
const JITTER = 0.1

/** A name as keys of maps have it. */
export function queryKey({ name, kind }: NameQuery): string {
  return kind === 'host' ? name : `${kind}:${name}`
}

interface Entry {
  readonly query: NameQuery
  readonly watchers: Set<() => void>
  nodes: readonly ResolvedNode[] | undefined
  /** In a row. */
  failures: number
  settled: boolean
  timer: NodeJS.Timeout | undefined
  forget: NodeJS.Timeout | undefined
}

export function createNameService(lookup: NameLookup, options: NameServiceOptions): NameService {
  const entries = new Map<string, Entry>()
  const queue: Entry[] = []
  let running = 0
  let failures = 0
  let stopped = false

  function enqueue(entry: Entry): void {
    queue.push(entry)
    startQueued()
  }

  function startQueued(): void {
    while (running < MAX_LOOKUPS) {
      const entry = queue.shift()
      if (entry === undefined) return
      if (entry.watchers.size > 0) void run(entry)
    }
  }

  async function run(entry: Entry): Promise<void> {
    running++
    try {
      const { nodes, ttlMs } = await lookup.resolve(entry.query)
      settle(entry, nodes, ttlMs)
    } catch (error) {
      fail(entry, error as Error)
    }
    running--
    startQueued()
  }

  function settle(entry: Entry, nodes: readonly ResolvedNode[], ttlMs: number): void {
    const { minTtlMs, maxTtlMs, observer } = options
    if (entry.failures > 0) observer?.onRecovery?.(entry.query)
    entry.failures = 0
    const ttl = Math.min(Math.max(ttlMs, minTtlMs), maxTtlMs)
    schedule(entry, ttl * (1 + Math.random() * JITTER))
    const changed = JSON.stringify(nodes) !== JSON.stringify(entry.nodes)
    if (changed) {
      entry.nodes = nodes
      observer?.onAnswer?.(entry.query, nodes)
    }
    if (changed || !entry.settled) tell(entry)
  }

  /** What was known stays: a dead resolver must not take the nodes with it. */
  function fail(entry: Entry, error: Error): void {
    failures++
    schedule(entry, Math.max(MIN_RETRY_MS, backoffMs(entry.failures, RETRY)))
    entry.failures++
    options.observer?.onFailure?.(entry.query, error, entry.nodes !== undefined)
    if (!entry.settled) tell(entry)
  }

  function tell(entry: Entry): void {
    entry.settled = true
    for (const onChange of [...entry.watchers]) onChange()
  }

  function schedule(entry: Entry, delayMs: number): void {
    if (stopped || entry.watchers.size === 0) return
    clearTimeout(entry.timer)
    entry.timer = setTimeout(() => enqueue(entry), delayMs).unref()
  }

  function entryOf(query: NameQuery): Entry {
    const key = queryKey(query)
    const known = entries.get(key)
    if (known !== undefined) return known
    const nodes = options.remembered?.get(key)
    const entry: Entry = {
      query,
      watchers: new Set(),
      nodes,
      failures: 0,
      settled: nodes !== undefined,
      timer: undefined,
      forget: undefined,
    }
    entries.set(key, entry)
    return entry
  }

  function leave(entry: Entry, onChange: () => void): void {
    if (!entry.watchers.delete(onChange) || entry.watchers.size > 0) return
    clearTimeout(entry.timer)
    entry.forget = setTimeout(() => entries.delete(queryKey(entry.query)), LINGER_MS).unref()
  }

  return {
    watch(query, onChange) {
      const entry = entryOf(query)
      // Each watch is one of its own, even if the caller passes the same function twice.
      const watcher = () => onChange()
      const first = entry.watchers.size === 0
      entry.watchers.add(watcher)
      clearTimeout(entry.forget)
      if (first) enqueue(entry)
      return {
        get nodes() {
          return entry.nodes
        },
        get pending() {
          return !entry.settled
        },
        stop: () => leave(entry, watcher),
      }
    },

    get failures() {
      return failures
    },

    get failing() {
      let count = 0
      for (const entry of entries.values()) if (entry.failures > 0) count++
      return count
    },

    stop() {
      stopped = true
      for (const { timer, forget } of entries.values()) {
        clearTimeout(timer)
        clearTimeout(forget)
      }
      entries.clear()
    },
  }
}
