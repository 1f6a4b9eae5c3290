import type { Exchange } from '../../src/http/exchange.ts'
import { JOBS } from '../../src/jobs/jobs.ts'
import type { BodySource, RawHeaders } from '../../src/model/http-message.ts'
import type {
  BodyFilter,
  Plugin,
  PluginHost,
  PluginInstance,
  Reply,
} from '../../src/plugins/contract.ts'
import { NO_METRICS } from '../../src/plugins/no-metrics.ts'
import { NO_QUOTA } from '../../src/plugins/no-quota.ts'
import { applyDefaults } from '../../src/support/apply-defaults.ts'
import { BodyBudget } from '../../src/worker/body-budget.ts'
import { bodyFromMemory } from '../../src/worker/buffered-body.ts'
import { GatewayRequest } from '../../src/worker/gateway-request.ts'
import { MutableHead } from '../../src/worker/plugins/reply-head.ts'
import type { RoutePlan } from '../../src/worker/route-plan.ts'
import { createServices } from '../worker/plugins/plugin-fixtures.ts'
import { createQuotaRig } from './quota.ts'

export interface RequestFacts {
  method?: string
  target?: string
  headers?: RawHeaders
  body?: string | Buffer
  remoteAddress?: string
  encrypted?: boolean
  /** Decoded path; without it, the target's. */
  path?: string
  routeId?: string
  trusted?: boolean
}

const MAX_BODY_BYTES = 1024 * 1024

/** A request as plugins get it in a worker, without a socket below it. */
export function createRequest(facts: RequestFacts = {}): GatewayRequest {
  const { method = 'GET', target = '/', headers = [], remoteAddress = '192.0.2.1' } = facts
  const host = headerOf(headers, 'host') ?? 'example.com'
  const body: BodySource | undefined =
    facts.body === undefined ? undefined : bodyFromMemory(Buffer.from(facts.body))
  const exchange = {
    method,
    target,
    headers,
    body,
    authority: host,
    httpVersion: '1.1',
    startedAt: performance.now(),
    status: 0,
    bytesReceived: 0,
    bytesSent: 0,
    headBytes: 0,
    connection: {
      remoteAddress,
      remotePort: 40_000,
      localAddress: '192.0.2.254',
      localPort: 9080,
      encrypted: facts.encrypted ?? false,
    },
  } as unknown as Exchange
  const path = facts.path ?? decodeURIComponent(target.replace(/\?.*$/s, ''))
  const trusted = facts.trusted ?? false
  const budget = new BodyBudget(MAX_BODY_BYTES, 4 * MAX_BODY_BYTES)
  const request = new GatewayRequest(exchange, path, host, trusted, budget)
  request.plan = { facts: { id: facts.routeId ?? 'r1', uri: '/*' } } as unknown as RoutePlan
  return request
}

/** Configures a plugin as a worker does. `host` replaces parts of what it is lent. */
export function configure(
  plugin: Plugin,
  config: Record<string, unknown>,
  host: Partial<PluginHost> = {},
): PluginInstance {
  const { log } = createServices()
  const base: PluginHost = {
    owner: { kind: 'routes', id: 'r1' },
    log,
    now: Date.now,
    metadata: () => ({}),
    consumers: { find: () => undefined, byName: () => undefined, attach() {} },
    configure: () => undefined,
    upstreams: {
      refer: (upstreamId) => ({ upstreamId }),
      create: () => ({ upstreamId: undefined }),
    },
    http: { send: () => Promise.reject(new Error('nobody is there')) },
    quota: createQuotaRig({ workers: 1 }).ledgers[0] ?? NO_QUOTA,
    metrics: NO_METRICS,
    jobs: { run: async (name, input) => JOBS[name](input as never) as never },
  }
  return plugin.create(applyDefaults(plugin.schema, config) as never, { ...base, ...host })
}

/** The reply of the first of the phases before the node that has one. */
export async function replyOf(
  instance: PluginInstance,
  request: GatewayRequest,
): Promise<Reply | undefined> {
  return (
    (await instance.rewrite?.(request)) ??
    (await instance.access?.(request)) ??
    (await instance.beforeProxy?.(request))
  )
}

/** What the client gets of a node's answer once header and body filters have had their say. */
export async function filterResponse(
  instance: PluginInstance,
  request: GatewayRequest,
  response: { status?: number; headers?: RawHeaders; body?: string | Buffer; fromNode?: boolean },
): Promise<{ status: number; headers: RawHeaders; body: Buffer }> {
  const bytes = Buffer.from(response.body ?? '')
  const { status = 200, headers = [], fromNode = true } = response
  const head = new MutableHead(status, '', [...headers], bytes.length, fromNode)
  request.responseHeaders = head.headers
  request.responseHead = head
  instance.headerFilter?.(request, head)
  const filter = instance.bodyFilter?.(request, head)
  const body = head.replacement ?? bytes
  const changed = filter === undefined ? body : await through(filter, body)
  const encoder = instance.encodeBody?.(request, head)
  const filtered = encoder === undefined ? changed : await through(encoder, changed)
  return { status: head.status, headers: head.headers, body: filtered }
}

async function through(filter: BodyFilter, body: Buffer): Promise<Buffer> {
  const first = await filter.transform(body)
  const rest = await filter.flush?.()
  return Buffer.concat([first ?? Buffer.alloc(0), rest ?? Buffer.alloc(0)])
}

function headerOf(headers: RawHeaders, name: string): string | undefined {
  const at = headers.findIndex((field, i) => i % 2 === 0 && field.toLowerCase() === name)
  return at === -1 ? undefined : headers[at + 1]
}
