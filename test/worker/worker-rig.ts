import type { RequestListener } from 'node:http'
import type { TestContext } from 'node:test'
import type { HttpEngineOptions } from '../../src/http/http-engine.ts'
import { ContentDigest } from '../../src/model/digest.ts'
import type { ResourceBody, ResourceKind } from '../../src/model/resource-kind.ts'
import type { Plugin, PluginInstance } from '../../src/plugins/contract.ts'
import { createPathNormalizer } from '../../src/routing/path-rules.ts'
import { type ClientPool, createClientPool } from '../../src/upstream/client-pool.ts'
import { BodyBudget } from '../../src/worker/body-budget.ts'
import { createRequestHandler } from '../../src/worker/request-handler.ts'
import { RouteTable } from '../../src/worker/route-table.ts'
import { StatsCollector } from '../../src/worker/stats.ts'
import { UpstreamFactory } from '../../src/worker/upstream-factory.ts'
import { startNode, type UpstreamNode } from '../helpers/upstream-node.ts'
import { type EngineFixture, startEngine } from '../http/engine-fixture.ts'
import { createServices, fakePlugin } from './plugins/plugin-fixtures.ts'

const MAX_BODY_BYTES = 64 * 1024
const TIMEOUTS = { connectMs: 2_000, sendMs: 5_000, readMs: 5_000 }

/** A worker's way of a request in this process: engine, plugins, upstream and a real node. */
export interface WorkerRig extends EngineFixture {
  table: RouteTable
  clients: ClientPool
  stats: StatsCollector
  budget: BodyBudget
  node: UpstreamNode
  put(kind: ResourceKind, body: ResourceBody): void
  remove(kind: ResourceKind, id: string): void
  /** Route `/<id>/*` to the node with a plugin of that name. */
  route(id: string, create: () => PluginInstance, more?: Partial<ResourceBody>): void
  /** The configuration that `route` gave that plugin last. */
  config(id: string): Record<string, unknown>
  /** Requests under way at the node, as the worker sees it. */
  busy(): number
  /** `GET /<id>/` on a connection of its own: all that comes. */
  get(path: string, more?: string): Promise<string>
}

type Configured = { hostile: Record<string, unknown> }

export async function startRig(
  t: TestContext,
  listener?: RequestListener,
  options: HttpEngineOptions = {},
  more: readonly Plugin[] = [],
  maxBufferedBytes = 1024 * MAX_BODY_BYTES,
): Promise<WorkerRig> {
  const node = await startNode(t, 'node', listener)
  const upstream = { type: 'roundrobin', nodes: { [node.address]: 1 } }
  const creators = new Map<string, () => PluginInstance>()
  const plugin = fakePlugin('hostile', 10, (config) => {
    const create = creators.get(String(config['of']))
    if (create === undefined) throw new Error('nobody')
    return create()
  })
  const services = createServices([plugin, ...more])
  const clients = createClientPool()
  const factory = new UpstreamFactory(clients, TIMEOUTS)
  const table = new RouteTable('default', { epoch: 'e', revision: 1 }, factory, services)
  const stats = new StatsCollector()
  const budget = new BodyBudget(MAX_BODY_BYTES, maxBufferedBytes)
  const handler = createRequestHandler({
    config: { current: table, receive() {} },
    stats,
    log: services.log,
    isTrusted: () => false,
    normalizePath: createPathNormalizer({ deleteTailSlash: false, likeServlet: false }),
    bodies: budget,
    alwaysShowStatus: false,
    accessLog: undefined,
  })
  const engine = await startEngine(t, handler, options)
  const bodies = new Map<string, ResourceBody>()

  function apply(kind: ResourceKind, id: string, body: ResourceBody | undefined): void {
    const key = `${kind}/${id}`
    const digest = new ContentDigest(table.mark.digest)
    const old = bodies.get(key)
    if (old !== undefined) digest.remove(kind, id, old)
    if (body !== undefined) digest.add(kind, id, body)
    if (body === undefined) bodies.delete(key)
    else bodies.set(key, body)
    const { epoch, revision } = table.mark
    const to = { epoch, revision: revision + 1, digest: digest.toString() }
    table.apply({
      to,
      changes: [body === undefined ? { op: 'delete', kind, id } : { op: 'put', kind, id, body }],
    })
  }
  const put = (kind: ResourceKind, body: ResourceBody) =>
    apply(kind, String(body.id ?? body['username']), body)
  let version = 0

  return {
    ...engine,
    table,
    clients,
    stats,
    budget,
    node,
    put,
    remove: (kind, id) => apply(kind, id, undefined),
    route(id, create, more = {}) {
      const of = `${id} ${++version}`
      creators.set(of, create)
      put('routes', { id, uri: `/${id}/*`, upstream, plugins: { hostile: { of } }, ...more })
    },
    config: (id) =>
      (bodies.get(`routes/${id}`)?.['plugins'] as Configured | undefined)?.hostile ?? {},
    busy: () => factoryBusy(clients, node),
    get: (path, more = '') =>
      engine.talk(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${more}\r\n`),
  }
}

function factoryBusy(clients: ClientPool, { port }: UpstreamNode): number {
  const origin = {
    scheme: 'http' as const,
    host: '127.0.0.1',
    port,
    servername: undefined,
    verify: false,
  }
  const client = clients.acquire(origin)
  const { busyConnections } = client
  clients.release(client)
  return busyConnections
}
