import { prefork } from '../primary/prefork.ts'
import { loadGatewaySettings } from '../settings/gateway-settings.ts'
import { createLogger } from '../support/logger.ts'
import { runRole } from './run-role.ts'
import type { Flags } from './verb-flags.ts'

/** `holdfast gateway` */
export function runGatewayVerb({ envFile, configFile: bootFile }: Flags): Promise<number> {
  let settings = loadGatewaySettings({ envFile })
  const { logLevel: level, logFile: file } = settings
  const log = createLogger({ level, role: 'gateway', file })
  const stopTimeoutMs = () => settings.drainWaitMs + settings.drainTimeoutMs
  return runRole(log, stopTimeoutMs, async () => {
    // After the settings: what is wrong with them is said at once.
    prefork(settings.workers, settings.dataDir)
    const { runGateway } = await import('../primary/main.ts')
    const gateway = await runGateway(settings, log, { bootFile })
    return {
      ...gateway,
      async reload() {
        settings = loadGatewaySettings({ envFile })
        await gateway.reload(settings)
      },
    }
  })
}
