import type { Logger } from 'pino'
import { configurePlugins, outliveForgottenPromises } from '../plugins/configure-plugins.ts'
import { findPluginSecrets } from '../plugins/served-resources.ts'
import type { ControlSettings } from '../settings/control-settings.ts'
import { type ChangeFeed, createChangeFeed } from '../store/change-feed.ts'
import { createConfigFollower } from '../store/config-follower.ts'
import { type ConfigRepository, createConfigRepository } from '../store/config-repository.ts'
import { createDatabase, type Database } from '../store/database.ts'
import { createInstanceRepository } from '../store/instances.ts'
import { createRevisionLog } from '../store/revision-log.ts'
import { createKeyring } from '../support/keyring.ts'
import { createResourceSecrets } from '../support/resource-secrets.ts'
import { ConfigMirrors } from './config-mirrors.ts'
import { createConfigReader } from './config-reader.ts'
import { createControlPlane } from './control-plane.ts'
import { CredentialKeys } from './credential-keys.ts'
import { createFallback } from './fallback.ts'
import { createFleetParts } from './holdfast-api/holdfast-routes.ts'
import { startInstanceJanitor } from './holdfast-api/instance-janitor.ts'
import {
  createSchemaKeeper,
  guardRepository,
  guardStore,
  type SchemaKeeper,
} from './schema-keeper.ts'
import type { Readiness } from './status-routes.ts'

const DEFAULT_GROUP = 'default'

export interface RunningControlPlane {
  /** Where the Admin API listens. */
  address: { host: string; port: number }
  /** Lets requests in flight finish, within the drain time-out. Idempotent. */
  stop(): Promise<void>
}

/**
 * Runs the control plane. It listens at once and is live without PostgreSQL; the schema and the
 * mirrors follow when there is one. @throws when the address is taken.
 */
export async function runControlPlane(
  settings: ControlSettings,
  log: Logger,
): Promise<RunningControlPlane> {
  const component = (name: string) => log.child({ component: name })
  await configurePlugins(settings.plugins)
  if (settings.plugins.external.length > 0) outliveForgottenPromises(log)
  const { databaseUrl: url, databaseListenUrl: listenUrl } = settings
  const applicationName = 'holdfast control'
  const database = createDatabase({ url, log: component('database'), applicationName })
  const schema = createSchemaKeeper(database, component('schema'))
  const repository = guardRepository(createConfigRepository(database), schema)
  const feed = createChangeFeed({
    url: listenUrl,
    log: component('subscription'),
    applicationName,
  })
  const secrets = createResourceSecrets(createKeyring(settings.keys), findPluginSecrets)
  const credentialKeys = new CredentialKeys(secrets)
  const mirrors = createMirrors(settings, { database, repository, feed, credentialKeys, log })
  const fallback =
    settings.fallback &&
    (await createFallback(settings.fallback, {
      ...{ url: listenUrl, repository, feed, log: component('fallback') },
      keyIds: settings.keys.map(({ id }) => id),
    }))
  // A statement that hangs is cut together with its pool: not in the one that writes go through.
  const fleetLog = log.child({}, { level: log.isLevelEnabled('error') ? 'error' : log.level })
  const fleetDatabase = createDatabase({ url, log: fleetLog, maxConnections: 3, applicationName })
  const instances = guardStore(createInstanceRepository(fleetDatabase), schema)
  const { purgeAfterMs } = settings.instanceAges
  const janitor = startInstanceJanitor({ instances, purgeAfterMs, log: component('janitor') })
  const server = createControlPlane(settings, {
    repository,
    reader: createConfigReader({ repository, database, mirrors }),
    ...{ secrets, credentialKeys },
    readiness: () => readinessOf(database, schema, mirrors),
    instances: createFleetParts({
      instances,
      history: guardStore(createRevisionLog(fleetDatabase), schema),
      ages: settings.instanceAges,
    }),
    fallback: () => fallback?.state,
    log: component('admin'),
    onWritten: (group) => mirrors.follow(group),
  })
  let stopping: Promise<void> | undefined

  async function stop(): Promise<void> {
    janitor.stop()
    await server.stop()
    await schema.stop()
    await fallback?.stop()
    await Promise.all([mirrors.stop(), feed.stop()])
    await Promise.all([database.stop(), fleetDatabase.stop()])
    log.info('control plane stopped')
  }

  try {
    const address = await server.start()
    log.info({ address }, 'control plane listening')
    if (settings.keys.length === 0) {
      log.warn('no HOLDFAST_KEYRING: private keys and credentials are stored in plain text')
    }
    void schema.done.then(() => {
      if (stopping === undefined) fallback?.start()
      return followGroups(repository, feed, mirrors, log)
    })
    return {
      address,
      stop() {
        stopping ??= stop()
        return stopping
      },
    }
  } catch (error) {
    await stop()
    throw error
  }
}

interface MirrorParts {
  database: Database
  repository: ConfigRepository
  feed: ChangeFeed
  credentialKeys: CredentialKeys
  log: Logger
}

function createMirrors(settings: ControlSettings, parts: MirrorParts): ConfigMirrors {
  const { database, repository, feed, credentialKeys, log } = parts
  const pollMs = settings.pollIntervalMs
  return new ConfigMirrors({
    repository,
    createFollower: (group, log) =>
      createConfigFollower({ repository, feed, database, group, log, pollMs }),
    credentialKeys,
    log,
  })
}

/** From here on, every group can be read while PostgreSQL is away. */
async function followGroups(
  repository: ConfigRepository,
  feed: ChangeFeed,
  mirrors: ConfigMirrors,
  log: Logger,
): Promise<void> {
  if (mirrors.stopped) return
  feed.start()
  mirrors.follow(DEFAULT_GROUP)
  try {
    for (const group of await repository.listGroups()) mirrors.follow(group)
  } catch (err) {
    // Each of the others is followed when somebody reads it.
    log.warn({ err }, 'groups not listed')
  }
}

function readinessOf(database: Database, schema: SchemaKeeper, mirrors: ConfigMirrors): Readiness {
  const { status, reason = 'the database has not answered yet' } = database.state
  const problem = schema.problem ?? (status === 'up' ? undefined : reason)
  const mirror = mirrors.get(DEFAULT_GROUP)
  const revision = mirror?.revision ?? 0
  if (problem === undefined) return { ready: true, source: 'database', revision }
  return mirror
    ? { ready: true, source: 'memory', revision, reason: problem }
    : { ready: false, reason: problem }
}
