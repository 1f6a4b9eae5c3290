import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { createTestDatabase } from './postgres.ts'
import { type HoldfastProcess, type LogLine, startHoldfast } from './process.ts'

const ADMIN_KEY = 'test-admin-key-0123456789abcdef'

interface Answer {
  status: number
  headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: whatever JSON the server answers
  body: any
}

export interface ControlPlane extends HoldfastProcess {
  readonly url: string
  /** A call of the Admin API with its key; `path` from `/apisix/admin` on. */
  admin(method: string, path: string, body?: unknown): Promise<Answer>
}

export interface Gateway extends HoldfastProcess {
  /** Base URL of the traffic listener; known once the gateway listens. */
  readonly url: string
  readonly statusUrl: string
  readonly metricsUrl: string
  readonly dataDir: string
  /** Base URL of the control API; resolves once it listens. */
  controlApiUrl(): Promise<string>
  /** `/status/sync` as it is now. */
  // biome-ignore lint/suspicious/noExplicitAny: read field by field in tests
  sync(): Promise<any>
}

/** Runs a control plane on a free port; resolves once it is ready. */
export async function startControl(
  t: TestContext,
  databaseUrl: string,
  env: Readonly<Record<string, string>> = {},
): Promise<ControlPlane> {
  const process = startHoldfast(t, ['control'], {
    HOLDFAST_DATABASE_URL: databaseUrl,
    HOLDFAST_ADMIN_KEY: ADMIN_KEY,
    HOLDFAST_ADMIN_LISTEN: '127.0.0.1:0',
    ...env,
  })
  const url = baseUrl((await process.waitForLog('control plane listening'))['address'])
  await until(async () => (await fetch(`${url}/status/ready`)).ok)
  async function admin(method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await fetch(`${url}/apisix/admin${path}`, {
      method,
      headers: { 'x-api-key': ADMIN_KEY },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return { status: response.status, headers: response.headers, body: await json(response) }
  }
  return { ...process, url, admin }
}

interface GatewayOptions {
  databaseUrl: string
  workers?: number
  /** Kept by the caller, for a second start; a temporary one otherwise. */
  dataDir?: string
  env?: Record<string, string>
  /** Flags behind the verb. */
  args?: readonly string[]
  /** Descriptors it gets as number 3 and up. */
  inherit?: readonly number[]
  /** False: return before it listens, for a gateway without configuration. */
  untilListening?: boolean
}

/** Runs a gateway on free ports; resolves once it listens, with the workers serving. */
export async function startGateway(t: TestContext, options: GatewayOptions): Promise<Gateway> {
  const dataDir = options.dataDir ?? (await temporaryFolder(t))
  const settings = {
    HOLDFAST_DATABASE_URL: options.databaseUrl,
    HOLDFAST_DATA_DIR: dataDir,
    HOLDFAST_WORKERS: String(options.workers ?? 2),
    HOLDFAST_HTTP_LISTEN: '127.0.0.1:0',
    HOLDFAST_STATUS_LISTEN: '127.0.0.1:0',
    HOLDFAST_METRICS_LISTEN: '127.0.0.1:0',
    HOLDFAST_CONTROL_API_LISTEN: '127.0.0.1:0',
    // A test machine that is busy with other tests is not what the gateway should shed load for.
    HOLDFAST_OVERLOAD_LOOP_DELAY_MS: '5000',
    ...options.env,
  }
  const process = startHoldfast(t, ['gateway', ...(options.args ?? [])], settings, options.inherit)
  const starting = await process.waitForLog('gateway starting')
  const statusUrl = baseUrl(starting['status'])
  let url = ''
  if (options.untilListening ?? true) {
    url = listenerUrl(await process.waitForLog('gateway listening'))
    await until(async () => (await fetch(`${statusUrl}/status/ready`)).ok)
  }
  return {
    ...process,
    url,
    statusUrl,
    metricsUrl: baseUrl(starting['metrics']),
    dataDir,
    async controlApiUrl() {
      return baseUrl((await process.waitForLog('control API listening'))['address'])
    },
    sync: async () => (await fetch(`${statusUrl}/status/sync`)).json(),
  }
}

/** A database of its own, a control plane and a gateway with 2 workers on it. */
export async function startStack(
  t: TestContext,
  options: Pick<GatewayOptions, 'workers' | 'env'> = {},
) {
  const { url: databaseUrl } = await createTestDatabase(t)
  const control = await startControl(t, databaseUrl)
  const gateway = await startGateway(t, { databaseUrl, ...options })
  return { databaseUrl, control, gateway }
}

export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-test-'))
  // Retries: what the test started may write to it until it is killed, which happens after this.
  const options = { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }
  t.after(() => rm(folder, options))
  return folder
}

/** Base URL of the first traffic listener that a `gateway listening` line names. */
export function listenerUrl(line: LogLine): string {
  return baseUrl((line['listeners'] as unknown[])[0])
}

/**
 * Waits until `holds` says true, asking every 10 ms; rejects after the deadline, which a machine that
 * is ten times as busy as usual does not reach.
 */
export async function until(
  holds: () => Promise<boolean> | boolean,
  deadlineMs = 30_000,
): Promise<void> {
  const end = performance.now() + deadlineMs
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`not within ${deadlineMs} ms: ${String(holds)}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

function baseUrl(address: unknown): string {
  const { host, port } = address as { host: string; port: number }
  return `http://${host}:${port}`
}

async function json(response: Response): Promise<unknown> {
  const text = await response.text()
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
