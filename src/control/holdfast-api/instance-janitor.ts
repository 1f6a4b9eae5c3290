import type { Logger } from 'pino'
import type { InstanceRepository } from '../../store/instances.ts'

const INTERVAL_MS = { min: 500, max: 60_000 }

interface JanitorOptions {
  instances: Pick<InstanceRepository, 'purge'>
  purgeAfterMs: number
  log: Logger
}

/** Forgets instances that have been away for too long; the replicas take turns by a lock. */
export function startInstanceJanitor({ instances, purgeAfterMs, log }: JanitorOptions): {
  stop(): void
} {
  const intervalMs = Math.min(Math.max(purgeAfterMs / 4, INTERVAL_MS.min), INTERVAL_MS.max)
  async function purge(): Promise<void> {
    try {
      const count = await instances.purge(purgeAfterMs)
      if (count > 0) log.info({ instances: count }, 'offline instances purged')
    } catch {
      // The database is away, or its schema is not ready: next time.
    }
  }
  const timer = setInterval(() => void purge(), intervalMs)
  timer.unref()
  return { stop: () => clearInterval(timer) }
}
