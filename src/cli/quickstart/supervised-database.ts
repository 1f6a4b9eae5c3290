import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { createDatabase } from '../../store/database.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../store/embedded-postgres.ts'
import { migrate } from '../../store/migrations.ts'
import { backoffMs } from '../../support/backoff.ts'

const RESTART = { baseMs: 500, maxMs: 10_000 }

export interface SupervisedDatabase {
  /** Includes the password. Stays the same over restarts. */
  readonly url: string
  stop(): Promise<void>
}

/**
 * Starts an embedded PostgreSQL and restarts it, on the same port, for as long as it takes,
 * whenever it ends. Rejects when the first start fails.
 */
export async function superviseDatabase(dataDir: string, log: Logger): Promise<SupervisedDatabase> {
  const stopAsked = new AbortController()
  let server = await startEmbeddedPostgres({ dataDir, log })
  let reviving: Promise<void> = Promise.resolve()
  const { url, port } = server
  watch(server)
  await createSchema(url, log)

  function watch(started: EmbeddedPostgres): void {
    started.onExit((reason) => {
      log.warn({ reason }, 'embedded postgresql ended, restarting it')
      reviving = revive().catch(() => {})
    })
  }

  async function revive(): Promise<void> {
    // Gives the data directory back; the server itself is gone.
    await server.stop()
    for (let attempt = 0; !stopAsked.signal.aborted; attempt += 1) {
      try {
        server = await startEmbeddedPostgres({ dataDir, port, log })
        return watch(server)
      } catch (err) {
        const delayMs = backoffMs(attempt, RESTART)
        log.error({ err, attempt, delayMs }, 'embedded postgresql not restarted')
        await delay(delayMs, undefined, { signal: stopAsked.signal })
      }
    }
  }

  return {
    url,
    async stop() {
      stopAsked.abort()
      await reviving
      await server.stop()
    },
  }
}

/** The control plane would do it too, but the gateway starts beside it and would warn of a lack. */
async function createSchema(url: string, log: Logger): Promise<void> {
  const database = createDatabase({ url, log, applicationName: 'holdfast quickstart' })
  try {
    await migrate(database, log)
  } finally {
    await database.stop()
  }
}
