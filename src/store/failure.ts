import { StoreError } from '../model/errors.ts'
import { backoffMs } from '../support/backoff.ts'
import { LEFT_BEHIND } from './server-history.ts'

const MIN_RETRY_MS = 100
/** Not longer: what happened during an outage shall be visible within 2 s of its end. */
const BACKOFF = { baseMs: 200, maxMs: 2_000 }
/**
 * A wrong password is not mended by asking often, and servers log or ban who does: a process has some
 * three connectors, which together shall stay below one attempt a second.
 */
const CREDENTIALS_BACKOFF = { baseMs: 2_000, maxMs: 10_000 }
const CREDENTIALS_MIN_RETRY_MS = 4_000

/** Plain words for what the operating system, Node's TLS or PostgreSQL say. */
const REASONS: Record<string, string> = {
  ECONNREFUSED: 'refuses connections',
  ECONNRESET: 'cut the connection',
  EPIPE: 'cut the connection',
  ECONNABORTED: 'cut the connection',
  ETIMEDOUT: 'does not answer in time',
  EHOSTUNREACH: 'cannot be reached',
  ENETUNREACH: 'cannot be reached',
  ENOTFOUND: 'has a name that does not resolve',
  EAI_AGAIN: 'has a name that does not resolve at the moment',
  ENOENT: 'has no socket there',
  '25006': 'is read-only',
  '28000': 'does not admit this user',
  '28P01': 'refuses the user name or password',
  '3D000': 'has no such database',
  '53300': 'has no connection left',
  '57P01': 'cut the connection (shutdown or administrator)',
  '57P02': 'cut the connection (crash)',
  '57P03': 'is starting up or shutting down',
  '57P04': 'dropped the database',
}

/** Faults that no quick retry mends: somebody has to change something. */
const CREDENTIAL_CODES = new Set(['28000', '28P01', '3D000'])

const CONNECTION_CODES = /^(?:08...|57P0[1-4]|25006|28...|3D000|53300)$/
const NETWORK_CODES = new Set(Object.keys(REASONS).filter((code) => code.startsWith('E')))
const BUSY = 'HOLDFAST_BUSY'
const LOCK_NOT_AVAILABLE = '55P03'
/** Waiting longer would keep a connection from others who only want to read. */
const LOCKED = 'another large write is under way, nothing was written: try again'
const TLS_CODES = /^(?:CERT_|DEPTH_|UNABLE_TO|SELF_SIGNED|ERR_TLS|ERR_SSL)/
const LOST = /^(?:Connection terminated|Client has encountered|Client was closed)/

/** The caller waited as long as it may. */
export function deadlineError(waitedMs: number): Error {
  return Object.assign(new Error(`no answer within ${Math.round(waitedMs)} ms`), {
    code: 'ETIMEDOUT',
  })
}

/** The connection, or the pool it belonged to, is gone. */
export function lostError(): Error {
  return Object.assign(new Error('connection lost'), { code: 'ECONNRESET' })
}

/** All connections are in use; the server itself may be well. */
export function busyError(connections: number): Error {
  return Object.assign(new Error(`all ${connections} connections are busy`), { code: BUSY })
}

/** Code of an error of Node or PostgreSQL; '' when it has none. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : ''
}

/**
 * True when the connection, not the statement, is at fault: the pool must be dropped and the hosts
 * looked at again. A write refused with 25006 counts: this host is no longer the primary.
 */
export function isConnectionFailure(error: unknown): boolean {
  const code = codeOf(error)
  if (CONNECTION_CODES.test(code) || NETWORK_CODES.has(code) || TLS_CODES.test(code)) return true
  if (code === LEFT_BEHIND) return true
  return code === '' && LOST.test((error as Error)?.message ?? '')
}

/** True when retrying quickly is pointless: wrong password, no such role or database. */
export function isCredentialFailure(error: unknown): boolean {
  return CREDENTIAL_CODES.has(codeOf(error)) || /^SASL/.test((error as Error)?.message ?? '')
}

/** Jittered delay before retry number `attempt` (0 = the first) after `error`. */
export function retryDelayMs(error: unknown, attempt: number): number {
  const cause = error instanceof StoreError ? error.cause : error
  if (isCredentialFailure(cause)) {
    return CREDENTIALS_MIN_RETRY_MS + backoffMs(attempt, CREDENTIALS_BACKOFF)
  }
  return Math.max(MIN_RETRY_MS, backoffMs(attempt, BACKOFF))
}

/** `h1:5432 refuses connections`. Never holds credentials: the texts are PostgreSQL's or ours. */
export function describeFailure(error: unknown, label: string): string {
  const { message } = error as Error
  if (/^SASL.*password must be/.test(message)) return `${label} wants a password and none is set`
  const known = REASONS[codeOf(error)]
  if (known !== undefined) return `${label} ${known}`
  if (LOST.test(message)) return `${label} cut the connection`
  if (codeOf(error) === LEFT_BEHIND) return `${label} ${message}`
  return `${label}: ${message}`
}

/** The one error callers see when PostgreSQL cannot be used; `reason` is in plain words. */
export function unavailable(reason: string, cause?: unknown): StoreError {
  return new StoreError('GW_STORE_UNAVAILABLE', `PostgreSQL is not available: ${reason}`, { cause })
}

/** The error that callers see: `label` names the host. */
export function toStoreError(error: unknown, label: string): StoreError {
  if (error instanceof StoreError) return error
  if (isConnectionFailure(error)) return unavailable(describeFailure(error, label), error)
  const code = codeOf(error)
  if (code === BUSY) return unavailable((error as Error).message, error)
  if (code === LOCK_NOT_AVAILABLE)
    return new StoreError('GW_STORE_UNAVAILABLE', LOCKED, { cause: error })
  return statementFailure(error)
}

/** A statement that PostgreSQL refused while the connection is fine. */
function statementFailure(error: unknown): StoreError {
  const { message } = error as Error
  const text =
    codeOf(error) === '42P01'
      ? 'its tables are missing: run holdfast migrate, or start a control plane'
      : message
  return new StoreError('GW_STORE_FAILED', `PostgreSQL refused a statement: ${text}`, {
    cause: error,
  })
}
