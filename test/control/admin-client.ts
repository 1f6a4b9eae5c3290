import type { TestContext } from 'node:test'
import pino from 'pino'
import type { ConfigReader } from '../../src/control/config-reader.ts'
import { createControlPlane } from '../../src/control/control-plane.ts'
import { createFleetParts } from '../../src/control/holdfast-api/holdfast-routes.ts'
import type { PluginCatalogue } from '../../src/model/schemas/plugin-schemas.ts'
import type { AdminApiSettings } from '../../src/settings/admin-api-settings.ts'
import { type ConfigRepository, createConfigRepository } from '../../src/store/config-repository.ts'
import { createDatabase } from '../../src/store/database.ts'
import { createInstanceRepository } from '../../src/store/instances.ts'
import { createRevisionLog } from '../../src/store/revision-log.ts'
import type { ResourceSecrets } from '../../src/support/resource-secrets.ts'
import type { ResourceValidator } from '../../src/support/validate-resource.ts'
import { createResourceValidator } from '../../src/support/validate-resource.ts'
import { createTestDatabase } from '../helpers/postgres.ts'

export const ADMIN_KEY = 'the-admin-key'

export interface AdminReply {
  status: number
  // biome-ignore lint/suspicious/noExplicitAny: tests look into JSON of many shapes
  body: any
  headers: Headers
}

/** Speaks to the Admin API of one control plane. */
export interface AdminClient {
  port: number
  /** `path` without /apisix/admin, or a whole one under /holdfast; an object is sent as JSON, a string or bytes as they are. */
  send(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<AdminReply>
}

/** A client of a control plane on this port. */
export function adminClient(port: number): AdminClient {
  return {
    port,
    async send(method, path, body, headers = {}) {
      const prefix = path.startsWith('/holdfast/') ? '' : '/apisix/admin'
      const response = await fetch(`http://127.0.0.1:${port}${prefix}${path}`, {
        method,
        headers: { 'x-api-key': ADMIN_KEY, ...headers },
        ...(body !== undefined && { body: encode(body) }),
      })
      const text = await response.text()
      const isJson = /json/.test(response.headers.get('content-type') ?? '')
      const json = text === '' ? undefined : isJson ? JSON.parse(text) : text
      return { status: response.status, body: json, headers: response.headers }
    },
  }
}

interface Setup {
  validator?: ResourceValidator
  secrets?: ResourceSecrets
  now?: () => number
  logLines?: string[]
  adminApi?: AdminApiSettings
  plugins?: PluginCatalogue
}

/** A control plane over a database of its own, and a client of it; without mirrors. */
export async function startAdminApi(
  t: TestContext,
  // The whole model by default, also what this version does not serve yet.
  {
    validator = createResourceValidator(() => undefined),
    secrets,
    now,
    logLines = [],
    adminApi,
    plugins,
  }: Setup = {},
): Promise<AdminClient & { repository: ConfigRepository; databaseUrl: string }> {
  const { url: databaseUrl } = await createTestDatabase(t)
  const log = pino({ level: 'info' }, { write: (line: string) => void logLines.push(line) })
  const database = createDatabase({ url: databaseUrl, log })
  t.after(() => database.stop())
  const repository = createConfigRepository(database)
  const controlPlane = createControlPlane(
    {
      adminListen: { host: '127.0.0.1', port: 0 },
      adminKey: ADMIN_KEY,
      drainTimeoutMs: 1000,
      ...(adminApi && { adminApi }),
    },
    {
      repository,
      reader: readerOf(repository),
      readiness: () => ({ ready: true, source: 'database', revision: 0 }),
      instances: createFleetParts({
        instances: createInstanceRepository(database),
        history: createRevisionLog(database),
        ages: { lostAfterMs: 10_000, offlineAfterMs: 7_200_000 },
      }),
      log,
      validator,
      ...(secrets && { secrets }),
      ...(now && { now }),
      ...(plugins && { plugins }),
    },
  )
  const { port } = await controlPlane.start()
  t.after(() => controlPlane.stop())
  return { ...adminClient(port), repository, databaseUrl }
}

function readerOf(repository: ConfigRepository): ConfigReader {
  return {
    get: async (...args) => ({ value: await repository.get(...args) }),
    list: async (...args) => ({ value: await repository.list(...args) }),
    snapshot: async (...args) => ({ value: await repository.loadSnapshot(...args) }),
  }
}

function encode(body: unknown): string | Uint8Array<ArrayBuffer> {
  if (typeof body === 'string') return body
  if (body instanceof Uint8Array) return body as Uint8Array<ArrayBuffer>
  return JSON.stringify(body)
}
