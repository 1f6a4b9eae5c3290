import type { Logger } from 'pino'
import type { GatewaySettings } from '../settings/gateway-settings.ts'
import { createChangeFeed } from '../store/change-feed.ts'
import { createConfigFollower } from '../store/config-follower.ts'
import { createConfigRepository } from '../store/config-repository.ts'
import { createDatabase } from '../store/database.ts'
import type { ConfigSource } from './sources/config-source.ts'

const APPLICATION_NAME = 'holdfast-gateway'
/** One reads, one is left for the heartbeat. */
const MAX_CONNECTIONS = 2

/** The configuration of the gateway's group in PostgreSQL; reconnects by itself, for ever. */
export function createPostgresSource(settings: GatewaySettings, log: Logger): ConfigSource {
  const { databaseUrl: url, gatewayGroup: group, pollIntervalMs: pollMs } = settings
  const { databaseListenUrl: listenUrl = url } = settings
  if (url === undefined || listenUrl === undefined)
    throw new Error('the settings require it for this provider')
  const applicationName = APPLICATION_NAME
  const database = createDatabase({ url, log, maxConnections: MAX_CONNECTIONS, applicationName })
  const feed = createChangeFeed({ url: listenUrl, log, applicationName })
  const repository = createConfigRepository(database)
  const follower = createConfigFollower({ repository, feed, database, group, log, pollMs })
  return {
    tier: 'postgres',
    local: false,
    start(from, listener) {
      feed.start()
      follower.start(from, listener)
    },
    async stop() {
      await follower.stop()
      await Promise.all([feed.stop(), database.stop()])
    },
  }
}
