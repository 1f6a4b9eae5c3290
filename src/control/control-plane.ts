import type { AddressInfo } from 'node:net'
import type { Logger } from 'pino'
import type { ExporterState } from '../fallback/exporter.ts'
import { RESOURCE_KINDS, type ResourceKind } from '../model/resource-kind.ts'
import type { PluginCatalogue } from '../model/schemas/plugin-schemas.ts'
import { pluginRegistry } from '../plugins/registry.ts'
import { admittedResources } from '../plugins/served-resources.ts'
import type { AdminApiSettings } from '../settings/admin-api-settings.ts'
import type { ConfigRepository } from '../store/config-repository.ts'
import { PLAIN_SECRETS, type ResourceSecrets } from '../support/resource-secrets.ts'
import type { ResourceValidator } from '../support/validate-resource.ts'
import type { ResourceHandler } from './admin-request.ts'
import { addAdminRoutes } from './admin-routes.ts'
import { createKeyCheck } from './auth.ts'
import { createCatalogueHandler } from './catalogue/catalogue-routes.ts'
import type { ChangesDeps } from './changes/apply-changes.ts'
import type { ConfigReader } from './config-reader.ts'
import { createConfigWriter } from './config-writer.ts'
import { CredentialKeys } from './credential-keys.ts'
import { addHoldfastRoutes, type FleetParts } from './holdfast-api/holdfast-routes.ts'
import { createHttpServer } from './http-server.ts'
import { RESOURCE_DEFINITIONS } from './resource-definitions.ts'
import { createResourceReads } from './resource-reads.ts'
import { createResourceWrites } from './resource-writes.ts'
import { addResponseHeaders } from './response-headers.ts'
import { createStandaloneHandler } from './standalone/standalone-config.ts'
import { addStatusRoutes, type Readiness } from './status-routes.ts'

export interface ControlPlaneSettings {
  adminListen: { host: string; port: number }
  adminKey: string
  /** Default: no other keys, no CORS, no Server header. */
  adminApi?: AdminApiSettings
  /** How long `stop` waits for requests in flight. */
  drainTimeoutMs: number
}

export interface ControlPlaneDeps {
  repository: ConfigRepository
  reader: ConfigReader
  readiness: () => Readiness
  instances: FleetParts
  /** How the copy in S3 is doing; undefined when there is none. */
  fallback?: () => ExporterState | undefined
  log: Logger
  /** Told of each group that something was written to. */
  onWritten?: (group: string) => void
  /** Encrypts what is stored; default: nothing is encrypted. */
  secrets?: ResourceSecrets
  /** Default: knows of the writes of this server only. */
  credentialKeys?: CredentialKeys
  /** What the Admin API tells of plugins; default: those of this process. */
  plugins?: PluginCatalogue
  /** Default: what may be written with the plugins of this process. */
  validator?: ResourceValidator
  /** Milliseconds since the epoch; the system's clock unless told. */
  now?: () => number
}

/** The Admin API server. It depends on the database for answers, never for being alive. */
export interface ControlPlane {
  /** Listens; resolves with the address. Rejects when the port is taken. */
  start(): Promise<{ host: string; port: number }>
  /** Takes no new connections, lets requests in flight finish. Idempotent. */
  stop(): Promise<void>
}

export function createControlPlane(
  settings: ControlPlaneSettings,
  deps: ControlPlaneDeps,
): ControlPlane {
  const app = createHttpServer(deps.log)
  let stopping: Promise<void> | undefined
  // A connection kept alive by the last answer would hold the stop until the drain time-out.
  app.addHook('onSend', async (_, reply) => {
    if (stopping !== undefined) reply.header('connection', 'close')
  })

  addStatusRoutes(app, deps.readiness, deps.fallback)
  const { keys, ...headers } = settings.adminApi ?? PLAIN_API
  addResponseHeaders(app, headers)
  const checkKey = createKeyCheck(settings.adminKey, keys)
  const { instances, plugins = pluginRegistry } = deps
  const { watch } = instances
  const parts = withDefaults(deps)
  const admin = {
    ...{ handlers: createHandlers(parts), watch },
    catalogue: createCatalogueHandler({ plugins, validator: parts.validator }),
    standalone: createStandaloneHandler({ ...parts, watch }),
  }
  addAdminRoutes(app, admin, checkKey)
  addHoldfastRoutes(app, { ...instances, ...parts }, checkKey)

  async function stopServer(): Promise<void> {
    instances.watch.stop()
    const cut = setTimeout(() => app.server.closeAllConnections(), settings.drainTimeoutMs)
    await app.close()
    clearTimeout(cut)
  }

  return {
    async start() {
      await app.listen(settings.adminListen)
      const { address: host, port } = app.server.address() as AddressInfo
      return { host, port }
    },
    stop() {
      stopping ??= stopServer()
      return stopping
    },
  }
}

const PLAIN_API: AdminApiSettings = { keys: [], corsOrigins: undefined, serverHeader: undefined }

type WriteParts = ChangesDeps &
  Pick<ControlPlaneDeps, 'repository' | 'reader'> & { credentialKeys: CredentialKeys }

function withDefaults(deps: ControlPlaneDeps): WriteParts {
  const { repository, reader, log, onWritten } = deps
  const { secrets = PLAIN_SECRETS, validator = admittedResources, now = Date.now } = deps
  const { credentialKeys = new CredentialKeys(secrets) } = deps
  return { repository, reader, log, onWritten, secrets, credentialKeys, validator, now }
}

function createHandlers(parts: WriteParts): Record<ResourceKind, ResourceHandler> {
  const { reader, secrets } = parts
  const writer = createConfigWriter(parts)
  const handlers = RESOURCE_KINDS.map((kind) => {
    const definition = RESOURCE_DEFINITIONS[kind]
    const handler: ResourceHandler = {
      ...createResourceReads(definition, reader, secrets),
      ...createResourceWrites(definition, { ...parts, writer }),
    }
    return [kind, handler] as const
  })
  return Object.fromEntries(handlers) as Record<ResourceKind, ResourceHandler>
}
