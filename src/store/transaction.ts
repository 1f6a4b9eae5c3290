import type { QueryResult } from 'pg'
import { StoreError } from '../model/errors.ts'
import { AttemptError } from './attempt-error.ts'
import type { CuttableClient } from './client.ts'
import { isConnectionFailure, toStoreError } from './failure.ts'

const IDLE_IN_TRANSACTION_MS = 10_000
/** Server-side limits beside the client's deadline: locks fail before it, statements end after it. */
const LOCK_MARGIN_MS = 500

export interface TransactionOptions {
  /** Default read committed. */
  isolation?: 'repeatable read'
  readOnly?: boolean
  /** SQL sent together with BEGIN; the rows of its last statement are `tx.opening`. No parameters. */
  opening?: string
  /** Bound of the whole transaction. Default: `queryTimeoutMs`. */
  timeoutMs?: number
  /** Bound of each statement. Default: `queryTimeoutMs`, which also bounds the wait for locks. */
  statementTimeoutMs?: number
}

/** A transaction in progress. */
export interface Transaction {
  readonly opening: readonly Record<string, unknown>[]
  query<R extends object>(text: string, values?: readonly unknown[]): Promise<R[]>
}

interface TransactionRun {
  /** Deadline of a statement that starts now. */
  nextDeadline(): number
  begin: string
  /** Host, for messages. */
  label: string
}

/** First message of a transaction. A client frozen in mid-transaction must not hold locks for ever. */
export function beginSql(options: TransactionOptions, queryTimeoutMs: number): string {
  const { isolation, readOnly, opening, statementTimeoutMs = queryTimeoutMs } = options
  const modes = [isolation && `ISOLATION LEVEL ${isolation}`, readOnly && 'READ ONLY']
  return [
    `BEGIN ${modes.filter(Boolean).join(' ')}`,
    `SET LOCAL lock_timeout = ${Math.max(1, queryTimeoutMs - LOCK_MARGIN_MS)}`,
    `SET LOCAL statement_timeout = ${statementTimeoutMs + LOCK_MARGIN_MS}`,
    `SET LOCAL idle_in_transaction_session_timeout = ${IDLE_IN_TRANSACTION_MS}`,
    ...(opening === undefined ? [] : [opening]),
  ].join(';')
}

/**
 * Runs `work` between BEGIN and COMMIT.
 * @throws AttemptError when PostgreSQL or the connection failed, else whatever `work` threw.
 */
export async function runTransaction<T>(
  client: CuttableClient,
  run: TransactionRun,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  const opening = await begin(client, run)
  let lost: unknown
  let result: T
  try {
    result = await work({
      opening,
      async query<R extends object>(text: string, values: readonly unknown[] = []) {
        try {
          return (await client.queryUntil(run.nextDeadline(), text, values)).rows as R[]
        } catch (error) {
          if (isConnectionFailure(error)) lost = error
          throw toStoreError(error, run.label)
        }
      },
    })
  } catch (error) {
    if (lost === undefined) await rollBack(client, run)
    else throw new AttemptError(lost, { repeatable: true })
    throw error
  }
  if (lost !== undefined) throw new AttemptError(lost, { repeatable: true })
  await commit(client, run)
  return result
}

async function begin(client: CuttableClient, run: TransactionRun) {
  try {
    // Several statements in one message: pg answers with an array of results.
    const answer: unknown = await client.queryUntil(run.nextDeadline(), run.begin)
    return ((answer as QueryResult[]).at(-1)?.rows ?? []) as Record<string, unknown>[]
  } catch (error) {
    if (!isConnectionFailure(error)) await rollBack(client, run)
    throw new AttemptError(error, { repeatable: true })
  }
}

async function commit(client: CuttableClient, run: TransactionRun): Promise<void> {
  let command: string
  try {
    command = (await client.queryUntil(run.nextDeadline(), 'COMMIT')).command
  } catch (error) {
    throw new AttemptError(error, { repeatable: false, unknownOutcome: true })
  }
  // After a failed statement PostgreSQL answers COMMIT with ROLLBACK, and no error.
  if (command !== 'COMMIT') {
    throw new StoreError('GW_STORE_FAILED', 'the transaction was rolled back by a failed statement')
  }
}

async function rollBack(client: CuttableClient, run: TransactionRun): Promise<void> {
  try {
    await client.queryUntil(run.nextDeadline(), 'ROLLBACK')
  } catch {
    // The connection is of no use any more; cutting it rolls back as well.
    client.cut()
  }
}
