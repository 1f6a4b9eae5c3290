import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { unknownSettingNames } from '../settings/load-settings.ts'
import { EXIT } from '../support/exit-codes.ts'
import { keepOldGenerationTight } from '../support/heap-limits.ts'
import { reopenLogFiles } from '../support/log-file.ts'
import { flushLogs } from '../support/logger.ts'
import { createServiceManager, type ServiceManager } from '../support/service-manager.ts'
import { onStopSignal } from './stop-signal.ts'

/** A role that runs until somebody ends it. */
export interface Role {
  /** Rejects when the role cannot go on. */
  readonly failed?: Promise<never>
  /** Resolves when the role does what it is for, if that is later than its start. */
  readonly ready?: Promise<void>
  /** Reads the settings again, at SIGHUP. Log files are opened anew in any case. */
  reload?(): Promise<void>
  /** Lets a new process take over, at SIGUSR2; its pid when it did and this one should stop. */
  handOver?(): Promise<number | undefined>
  /** Idempotent. */
  stop(): Promise<void>
}

const HANDED_OVER = 'handed over'
const LATE = 'late'

/** A stop that takes this much longer than the drain time-out hangs. */
const STOP_GRACE_MS = 5_000

/** A role that is not ready by then tells the service manager so, and is taken as started. */
const READY_GRACE_MS = 60_000

/** How long a start may go on after a stop was asked for. */
const START_GRACE_MS = 3_000

/**
 * Runs a role until a signal asks it to stop; the result is the exit code. SIGTERM, SIGINT and the
 * loss of the parent that supervises us (quickstart, over IPC) stop it gracefully, within
 * `stopTimeoutMs`; a second signal ends the process at once. SIGHUP reloads, SIGUSR2 hands over. A
 * start that fails rejects.
 */
export async function runRole(
  log: Logger,
  stopTimeoutMs: () => number,
  start: () => Promise<Role>,
): Promise<number> {
  endOnUncaughtErrors(log)
  const unknown = unknownSettingNames()
  if (unknown.length > 0) log.warn({ names: unknown }, 'unknown settings in the environment')

  const manager = createServiceManager(process.env, log)
  const { promise: stopAsked, resolve: askToStop } = Promise.withResolvers<void>()
  function requestStop(reason: string): void {
    log.info({ reason }, 'stopping')
    // After a hand-over the service is the successor.
    if (reason !== HANDED_OVER) manager.stopping()
    askToStop()
  }
  onStopSignal(requestStop)
  if (process.connected) process.once('disconnect', () => requestStop('parent is gone'))
  // Signals that come during the start wait for its end.
  const started = Promise.withResolvers<Role>()
  onReloadSignal(started.promise, manager, log)
  onHandOverSignal(started.promise, async (successor) => {
    // First: a manager that sees its main process end takes the service for ended.
    await manager.handedOver(successor)
    requestStop(HANDED_OVER)
  })
  const ready = started.promise.then((role) => role.ready)
  announceReady(ready, manager)
  // From here on there are changes, one after the other, and what they leave behind.
  void ready.then(keepOldGenerationTight)
  // Half a start cannot be stopped in order, so it gets its time; but not forever.
  const role = await Promise.race([start(), stopAsked.then(() => delay(START_GRACE_MS))])
  if (role === undefined) return EXIT.OK
  started.resolve(role)
  await Promise.race([stopAsked, role.failed ?? stopAsked])
  return stopWithin(role, stopTimeoutMs() + STOP_GRACE_MS, log)
}

/** A gateway without any configuration waits for it; that is no reason to kill it. */
function announceReady(ready: Promise<void>, manager: ServiceManager): void {
  const grace = delay(READY_GRACE_MS, LATE, { ref: false })
  void Promise.race([ready, grace]).then((outcome) => {
    manager.ready(outcome === LATE ? 'running, waiting for configuration' : 'ready')
    if (outcome === LATE) void ready.then(() => manager.ready('ready'))
  })
}

/** SIGHUPs that come during a reload lead to one more, however many they are. */
function onReloadSignal(started: Promise<Role>, manager: ServiceManager, log: Logger): void {
  let running = false
  let again = false

  async function reload(): Promise<void> {
    again = running
    if (running) return
    running = true
    const role = await started
    manager.reloading()
    do {
      again = false
      reopenLogFiles()
      await role.reload?.().catch((err) => log.error({ err }, 'reload failed, nothing changed'))
    } while (again)
    manager.ready('ready')
    running = false
  }

  process.on('SIGHUP', () => void reload())
}

function onHandOverSignal(
  started: Promise<Role>,
  handedOver: (successor: number) => Promise<void>,
): void {
  async function handOver(): Promise<void> {
    const role = await started
    const successor = await role.handOver?.()
    if (successor !== undefined) await handedOver(successor)
  }

  process.on('SIGUSR2', () => void handOver())
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
