import type { Logger } from 'pino'
import { formatListenAddress } from '../../settings/listen-address.ts'
import { childEnvironment } from '../../settings/process-environment.ts'
import type { QuickstartSettings } from '../../settings/quickstart-settings.ts'
import type { Listeners } from './choose-ports.ts'
import { createRoleLog } from './role-log.ts'
import { SupervisedChild } from './supervised-child.ts'
import { waitReady } from './wait-ready.ts'

/** On top of the drain time-out: how long a role may take to stop. */
const STOP_GRACE_MS = 10_000

interface RoleOptions {
  settings: QuickstartSettings
  listeners: Listeners
  databaseUrl: string
  adminKey: string
  /** Undefined: the keyring is in the settings, or there is none. */
  keyringFile: string | undefined
  logDir: string
  log: Logger
  /** Takes over what is started, to stop it; the gateway stops before the control plane. */
  parts: AsyncDisposableStack
  /** Ends the wait for readiness. */
  signal: AbortSignal
}

/** Runs the control plane and the gateway, and resolves when both are ready. */
export async function startRoles(options: RoleOptions): Promise<void> {
  const { listeners, databaseUrl, adminKey, keyringFile, signal, settings } = options
  const env = childEnvironment({
    HOLDFAST_DATA_DIR: settings.dataDir,
    HOLDFAST_DATABASE_URL: databaseUrl,
    // With the embedded database there is no pooler to go past.
    ...(settings.databaseUrl === undefined && { HOLDFAST_DATABASE_LISTEN_URL: databaseUrl }),
    HOLDFAST_HTTP_LISTEN: listeners.http.map(formatListenAddress).join(','),
    HOLDFAST_ADMIN_LISTEN: formatListenAddress(listeners.admin),
    HOLDFAST_STATUS_LISTEN: formatListenAddress(listeners.status),
    HOLDFAST_METRICS_LISTEN: formatListenAddress(listeners.metrics),
    HOLDFAST_CONTROL_API_LISTEN:
      listeners.controlApi === undefined ? 'off' : formatListenAddress(listeners.controlApi),
    ...(keyringFile !== undefined && { HOLDFAST_KEYRING_FILE: keyringFile }),
  })
  const control = startChild('control', { ...env, HOLDFAST_ADMIN_KEY: adminKey }, options)
  const gateway = startChild('gateway', env, options)
  const ready = Promise.all([
    waitReady('control plane', listeners.admin, signal).then(() => control.markReady()),
    waitReady('gateway', listeners.status, signal).then(() => gateway.markReady()),
  ])
  await Promise.race([ready, control.failed, gateway.failed])
}

function startChild(
  verb: 'control' | 'gateway',
  env: NodeJS.ProcessEnv,
  { settings, logDir, log, parts }: RoleOptions,
): SupervisedChild {
  const output = createRoleLog(logDir, verb)
  const args = settings.envFile === undefined ? [] : ['--env-file', settings.envFile]
  const stopLimitMs = settings.drainTimeoutMs + STOP_GRACE_MS
  const child = new SupervisedChild({ verb, args, env, output, log, stopLimitMs })
  parts.defer(async () => {
    await child.stop()
    await output.close()
  })
  return child
}
