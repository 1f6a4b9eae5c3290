import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { unknownSettingNames } from '../settings/load-settings.ts'
import { EXIT } from '../support/exit-codes.ts'
import { flushLogs } from '../support/logger.ts'
import { onStopSignal } from './stop-signal.ts'

/** A role that runs until somebody ends it. */
export interface Role {
  /** Rejects when the role cannot go on. */
  readonly failed?: Promise<never>
  /** Idempotent. */
  stop(): Promise<void>
}

/** A stop that takes this much longer than the drain time-out hangs. */
const STOP_GRACE_MS = 5_000

/** How long a start may go on after a stop was asked for. */
const START_GRACE_MS = 3_000

/**
 * Runs a role until a signal asks it to stop; the result is the exit code. SIGTERM, SIGINT and the
 * loss of the parent that supervises us (quickstart, over IPC) stop it gracefully; a second
 * signal ends the process at once. A start that fails rejects.
 */
export async function runRole(
  log: Logger,
  drainTimeoutMs: number,
  start: () => Promise<Role>,
): Promise<number> {
  endOnUncaughtErrors(log)
  const unknown = unknownSettingNames()
  if (unknown.length > 0) log.warn({ names: unknown }, 'unknown settings in the environment')

  const stopAsked = firstStopRequest(log)
  // Half a start cannot be stopped in order, so it gets its time; but not forever.
  const role = await Promise.race([start(), stopAsked.then(() => delay(START_GRACE_MS))])
  if (role === undefined) return EXIT.OK
  await Promise.race([stopAsked, role.failed ?? stopAsked])
  return stopWithin(role, drainTimeoutMs + STOP_GRACE_MS, log)
}

function firstStopRequest(log: Logger): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  function request(reason: string): void {
    log.info({ reason }, 'stopping')
    resolve()
  }
  onStopSignal(request)
  process.on('SIGHUP', () => log.warn('settings are read again at the next start'))
  if (process.connected) process.once('disconnect', () => request('parent is gone'))
  return promise
}

async function stopWithin(role: Role, limitMs: number, log: Logger): Promise<number> {
  const late = Promise.withResolvers<'late'>()
  const timer = setTimeout(() => late.resolve('late'), limitMs)
  const outcome = await Promise.race([role.stop(), late.promise])
  clearTimeout(timer)
  if (outcome !== 'late') return EXIT.OK
  log.error({ durationMs: limitMs }, 'stop took too long, ending anyway')
  return EXIT.FAILED
}

function endOnUncaughtErrors(log: Logger): void {
  // An unhandled rejection arrives here too.
  process.on('uncaughtException', (err) => {
    log.fatal({ err }, 'uncaught error, process ends')
    void flushLogs().then(() => process.exit(EXIT.SOFTWARE))
  })
}
