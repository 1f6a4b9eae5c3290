import type { WorkerSettings } from '../model/ipc.ts'
import type { ResolvedName, ResolvedNode } from '../model/resolved-name.ts'
import type { Logger } from '../support/logger.ts'
import { createNameLookup, type NameQuery } from '../upstream/names/name-lookup.ts'
import { createNameService, type NameService, queryKey } from '../upstream/names/name-service.ts'

/** A dead resolver fails for each name every few seconds: one line per name in this time is enough. */
const LOG_EVERY_MS = 60_000
/** Answers are reported together. */
const REPORT_DELAY_MS = 50
const MAX_REPORTED = 1_000

/** The names of a worker's nodes. */
export interface WorkerNames {
  readonly service: NameService
  /** Takes over what other workers have learned; serves for names that are not watched yet. */
  remember(names: readonly ResolvedName[]): void
}

/** Resolves the names of this worker's nodes, logs when that fails, and reports what it learns. */
export function createNames(
  settings: WorkerSettings['dns'],
  log: Logger,
  report: (names: ResolvedName[]) => void,
): WorkerNames {
  const { servers, timeoutMs, minTtlMs, maxTtlMs } = settings
  const remembered = new Map<string, readonly ResolvedNode[]>()
  const learned = new Map<string, readonly ResolvedNode[]>()
  const failures = logFailures(log)

  function flush(): void {
    const names = [...learned].map(([key, nodes]) => ({ key, nodes }))
    learned.clear()
    for (let start = 0; start < names.length; start += MAX_REPORTED) {
      report(names.slice(start, start + MAX_REPORTED))
    }
  }

  const service = createNameService(createNameLookup({ servers, timeoutMs }), {
    minTtlMs,
    maxTtlMs,
    remembered,
    observer: {
      ...failures,
      onAnswer(query, nodes) {
        log.debug({ name: query.name, nodes }, 'name resolved')
        if (learned.size === 0) setTimeout(flush, REPORT_DELAY_MS).unref()
        learned.set(queryKey(query), nodes)
      },
    },
  })

  return {
    service,
    remember(names) {
      for (const { key, nodes } of names) remembered.set(key, nodes)
    },
  }
}

function logFailures(log: Logger) {
  const loggedAt = new Map<string, number>()
  return {
    onFailure(query: NameQuery, err: Error, hasAnswer: boolean): void {
      const now = performance.now()
      const last = loggedAt.get(queryKey(query))
      if (last !== undefined && now - last < LOG_EVERY_MS) return
      loggedAt.set(queryKey(query), now)
      const { name } = query
      if (hasAnswer) log.warn({ name, err }, 'name not resolved, last answer serves on')
      else log.error({ name, err }, 'name not resolved, its nodes are unknown')
    },
    onRecovery(query: NameQuery): void {
      loggedAt.delete(queryKey(query))
      log.info({ name: query.name }, 'name resolved again')
    },
  }
}
