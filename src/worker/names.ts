import type { WorkerSettings } from '../model/ipc.ts'
import type { Logger } from '../support/logger.ts'
import { createNameLookup } from '../upstream/names/name-lookup.ts'
import { createNameService, type NameService, queryKey } from '../upstream/names/name-service.ts'

/** A dead resolver fails for each name every few seconds: one line per name in this time is enough. */
const LOG_EVERY_MS = 60_000

/** Resolves the names of this worker's nodes, and logs when that fails. */
export function createNames(settings: WorkerSettings['dns'], log: Logger): NameService {
  const { servers, timeoutMs, minTtlMs, maxTtlMs } = settings
  const loggedAt = new Map<string, number>()
  return createNameService(createNameLookup({ servers, timeoutMs }), {
    minTtlMs,
    maxTtlMs,
    observer: {
      onFailure(query, err, hasAnswer) {
        const now = performance.now()
        const last = loggedAt.get(queryKey(query))
        if (last !== undefined && now - last < LOG_EVERY_MS) return
        loggedAt.set(queryKey(query), now)
        const { name } = query
        if (hasAnswer) log.warn({ name, err }, 'name not resolved, last answer serves on')
        else log.error({ name, err }, 'name not resolved, its nodes are unknown')
      },
      onRecovery(query) {
        loggedAt.delete(queryKey(query))
        log.info({ name: query.name }, 'name resolved again')
      },
      onAnswer({ name }, nodes) {
        log.debug({ name, nodes }, 'name resolved')
      },
    },
  })
}
