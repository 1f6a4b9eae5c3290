import { spawn } from 'node:child_process'
import type { Logger } from 'pino'

/** Says how this process fares to the service manager that started it; see sd_notify(3). */
export interface ServiceManager {
  /** The start, or a reload, is over. `status` is for `systemctl status`. */
  ready(status: string): void
  reloading(): void
  stopping(): void
  /** The service is another process from now on. Resolves when the manager has heard it. */
  handedOver(pid: number): Promise<void>
}

/** Longer than `systemd-notify` waits by itself to be heard, 5 s. */
const SEND_TIMEOUT_MS = 10_000

/** Three chances within the time that the watchdog allows. */
const PINGS_PER_WATCHDOG = 3

const NOBODY: ServiceManager = {
  ready() {},
  reloading() {},
  stopping() {},
  async handedOver() {},
}

/**
 * Speaks to systemd when it listens (NOTIFY_SOCKET), to nobody otherwise. The watchdog (WATCHDOG_USEC)
 * is fed from a timer of this event loop from now on: a loop that is stuck does not feed it.
 *
 * Node has no datagram sockets of the Unix kind, so each message is a short run of `systemd-notify`,
 * one in 10 s with WatchdogSec=30; the unit needs NotifyAccess=all.
 */
export function createServiceManager(env: NodeJS.ProcessEnv, log: Logger): ServiceManager {
  if (!env['NOTIFY_SOCKET']) return NOBODY
  const notify = createNotifier(env, log)
  const watchdogMs = Number(env['WATCHDOG_USEC'] ?? 0) / 1000
  if (watchdogMs > 0) {
    const ping = () => void notify(['WATCHDOG=1'])
    ping()
    setInterval(ping, watchdogMs / PINGS_PER_WATCHDOG).unref()
  }

  return {
    ready(status) {
      void notify(['READY=1', `STATUS=${status}`])
    },
    reloading() {
      const monotonicUsec = process.hrtime.bigint() / 1000n
      void notify(['RELOADING=1', `MONOTONIC_USEC=${monotonicUsec}`, 'STATUS=reloading'])
    },
    stopping() {
      void notify(['STOPPING=1', 'STATUS=draining'])
    },
    handedOver: (pid) => notify([`MAINPID=${pid}`]),
  }
}

/**
 * Sends messages one after the other, in order; each resolves when it has been heard, as
 * `systemd-notify` waits for that. What can't be sent is logged once.
 */
function createNotifier(env: NodeJS.ProcessEnv, log: Logger): (fields: string[]) => Promise<void> {
  const { NOTIFY_SOCKET, PATH } = env
  let queue = Promise.resolve()
  let complained = false

  function complain(reason: string): void {
    if (complained) return
    complained = true
    log.error({ reason }, 'service manager could not be told')
  }

  function send(fields: string[]): Promise<void> {
    return new Promise((resolve) => {
      const env = { NOTIFY_SOCKET, PATH }
      const options = { stdio: 'ignore', env, timeout: SEND_TIMEOUT_MS } as const
      const child = spawn('systemd-notify', fields, options)
      child.on('error', (error) => {
        complain(error.message)
        resolve()
      })
      child.on('exit', (code, signal) => {
        if (code !== 0) complain(`systemd-notify ended with ${code ?? signal}`)
        resolve()
      })
    })
  }

  return (fields) => {
    queue = queue.then(() => send(fields))
    return queue
  }
}
