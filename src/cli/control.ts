import { loadControlSettings } from '../settings/control-settings.ts'
import { createLogger } from '../support/logger.ts'
import { runRole } from './run-role.ts'
import type { Flags } from './verb-flags.ts'

/** `holdfast control` */
export function runControlVerb({ envFile }: Flags): Promise<number> {
  const settings = loadControlSettings({ envFile })
  const log = createLogger({
    level: settings.logLevel,
    role: 'control',
    file: settings.logFile,
  })
  return runRole(
    log,
    () => settings.drainTimeoutMs,
    async () => {
      // After the settings: what is wrong with them is said at once.
      const { runControlPlane } = await import('../control/main.ts')
      return runControlPlane(settings, log)
    },
  )
}
