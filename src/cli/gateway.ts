import { loadGatewaySettings } from '../settings/gateway-settings.ts'
import { createLogger } from '../support/logger.ts'
import { runRole } from './run-role.ts'
import type { Flags } from './verb-flags.ts'

/** `holdfast gateway` */
export function runGatewayVerb({ envFile }: Flags): Promise<number> {
  const settings = loadGatewaySettings({ envFile })
  const log = createLogger({ level: settings.logLevel, role: 'gateway' })
  return runRole(log, settings.drainTimeoutMs, async () => {
    // After the settings: what is wrong with them is said at once.
    const { runGateway } = await import('../primary/main.ts')
    return runGateway(settings, log)
  })
}
