import type { StoreError } from '../model/errors.ts'
import { isConnectionFailure, toStoreError, unavailable } from './failure.ts'

/** One try at using PostgreSQL failed. Internal to the connector: callers see a StoreError. */
export class AttemptError extends Error {
  readonly failure: unknown
  /** Trying again does no harm, and may help: the connection is at fault. */
  readonly repeatable: boolean
  readonly #unknownOutcome: boolean

  constructor(failure: unknown, options: { repeatable: boolean; unknownOutcome?: boolean }) {
    super('attempt failed', { cause: failure })
    this.failure = failure
    this.repeatable = options.repeatable && isConnectionFailure(failure)
    this.#unknownOutcome = options.unknownOutcome ?? false
  }

  toStoreError(label: string): StoreError {
    const error = toStoreError(this.failure, label)
    if (!(this.#unknownOutcome && isConnectionFailure(this.failure))) return error
    return unavailable(`${label} was lost during COMMIT; the write may have taken effect`, error)
  }
}
