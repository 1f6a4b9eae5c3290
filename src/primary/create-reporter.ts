import type { Logger } from 'pino'
import type { GatewaySettings } from '../settings/gateway-settings.ts'
import { createDatabase } from '../store/database.ts'
import { createInstanceRepository } from '../store/instances.ts'
import { InstanceReporter } from './instance-reporter.ts'

/** The part of InstanceReporter that the gateway's start and stop need. */
export type Reporter = Pick<InstanceReporter, 'state' | 'start' | 'stop'>

/**
 * The heartbeat of a gateway whose configuration comes from PostgreSQL; undefined for any other.
 * Over a connection of its own: a statement that hangs is cut together with its pool, and reads of
 * the configuration must not be in that one.
 */
export function createReporter(settings: GatewaySettings, log: Logger): Reporter | undefined {
  const { databaseUrl: url, dataDir, gatewayGroup: group, heartbeatMs } = settings
  if (settings.configProvider !== 'postgres' || url === undefined) return undefined
  // The configuration's own connection tells of outages; once is enough.
  const level = log.isLevelEnabled('error') ? 'error' : log.level
  const database = createDatabase({
    ...{ url, maxConnections: 1, applicationName: 'holdfast-gateway' },
    log: log.child({}, { level }),
  })
  const repository = createInstanceRepository(database)
  const reporter = new InstanceReporter({ repository, dataDir, group, heartbeatMs, log })
  return {
    get state() {
      return reporter.state
    },
    start: (report) => reporter.start(report),
    async stop() {
      await reporter.stop()
      await database.stop()
    },
  }
}
