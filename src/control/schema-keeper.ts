import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { StoreError } from '../model/errors.ts'
import type { ConfigRepository } from '../store/config-repository.ts'
import type { Database } from '../store/database.ts'
import { migrate } from '../store/migrations.ts'
import { backoffMs } from '../support/backoff.ts'

const BACKOFF = { baseMs: 250, maxMs: 3_000 }
const MIN_RETRY_MS = 100

/** Brings the database's schema up to date, however long PostgreSQL is away. */
export interface SchemaKeeper {
  /** Why the tables must not be used yet; undefined = they may. */
  readonly problem: string | undefined
  /** Settles when the schema is in place, or when stopped. */
  readonly done: Promise<void>
  stop(): Promise<void>
}

/** Starts at once. A newer schema is retried too: whoever rolls it back need not restart us. */
export function createSchemaKeeper(database: Database, log: Logger): SchemaKeeper {
  const stopping = new AbortController()
  const { signal } = stopping
  let problem: string | undefined = 'the schema is being checked'

  async function keep(): Promise<void> {
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        await migrate(database, log)
        problem = undefined
        return
      } catch (error) {
        if (signal.aborted) return
        problem = (error as Error).message
        const delayMs = Math.max(MIN_RETRY_MS, backoffMs(attempt, BACKOFF))
        const level = isUnavailable(error) ? 'warn' : 'error'
        log[level]({ reason: problem, attempt, delayMs }, 'schema not ready')
        await delay(delayMs, undefined, { signal }).catch(() => {})
      }
    }
  }

  const done = keep()
  return {
    get problem() {
      return problem
    },
    done,
    async stop() {
      stopping.abort()
      await done
    },
  }
}

/** Any other part of the store, all of it, on the same condition. */
export function guardStore<T extends object>(store: T, schema: Pick<SchemaKeeper, 'problem'>): T {
  const guarded = Object.entries(store).map(([name, use]) => [
    name,
    async (...args: unknown[]) => {
      if (schema.problem !== undefined) throw new StoreError('GW_STORE_UNAVAILABLE', schema.problem)
      return use(...args)
    },
  ])
  return Object.fromEntries(guarded)
}

/** The repository, as long as the schema allows its use: an older process must not write to a newer one. */
export function guardRepository(
  repository: ConfigRepository,
  schema: Pick<SchemaKeeper, 'problem'>,
): ConfigRepository {
  async function checked<T>(use: () => Promise<T>): Promise<T> {
    if (schema.problem !== undefined) throw new StoreError('GW_STORE_UNAVAILABLE', schema.problem)
    return use()
  }
  return {
    ...repository,
    write: (group, actor, decide, options) =>
      checked(() => repository.write(group, actor, decide, options)),
    get: (group, kind, id) => checked(() => repository.get(group, kind, id)),
    list: (group, kind) => checked(() => repository.list(group, kind)),
    readDocument: (group) => checked(() => repository.readDocument(group)),
  }
}

function isUnavailable(error: unknown): boolean {
  return error instanceof StoreError && error.code === 'GW_STORE_UNAVAILABLE'
}
