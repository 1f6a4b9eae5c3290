import type { NodeState } from '../../model/health.ts'
import type { HealthService, UpstreamHealth } from '../health/health-service.ts'
import type { WatchedNode } from '../health/watched-node.ts'
import type { ServingConfig } from '../serving-config.ts'
import { type ControlAnswer, refuse } from './control-answer.ts'
import { healthPage } from './health-page.ts'

/** Kinds of objects that an upstream with checks may stand in. */
const SOURCES = ['routes', 'services', 'upstreams', 'stream_routes'] as const
type Source = (typeof SOURCES)[number]

/** A node as APISIX shows it. */
export interface ShownNode {
  hostname: string
  ip: string
  port: number
  status: NodeState
  counter: { success: number; http_failure: number; tcp_failure: number; timeout_failure: number }
}

/** The checked nodes of one upstream as APISIX shows them. */
export interface ShownUpstream {
  name: string
  type: string
  nodes: ShownNode[]
}

/** `/v1/healthcheck` */
export function allHealth(health: Pick<HealthService, 'upstreams'>, html: boolean): ControlAnswer {
  return answer(health.upstreams, html, (shown) => shown)
}

/** `/v1/healthcheck/{src_type}/{src_id}` */
export function healthOf(
  health: Pick<HealthService, 'upstream'>,
  config: ServingConfig | undefined,
  [source = '', id]: readonly string[],
  html: boolean,
): ControlAnswer {
  if (id === undefined) return refuse(404, `missing src id for src type ${source}`)
  if (!isSource(source)) return refuse(400, `invalid src type ${source}`)
  const body = config?.get(source, id)
  if (body === undefined) return refuse(404, `${source}[${id}] not found`)
  const upstream = health.upstream(`${source}/${id}`)
  if (upstream === undefined) return refuse(404, `no checker for ${source}[${id}]`)
  return answer([upstream], html, ([shown]) => shown ?? {})
}

/** An upstream and its nodes, in APISIX's words. */
export function showUpstream({ owner, type, port, nodes }: UpstreamHealth): ShownUpstream {
  return { name: `/apisix/${owner}`, type, nodes: nodes.map((node) => showNode(node, port)) }
}

function showNode({ target, checks }: WatchedNode, port = target.port): ShownNode {
  return {
    hostname: target.hostname,
    ip: target.address,
    // As APISIX has it: the port that is checked.
    port,
    status: checks.state,
    counter: { ...checks.counters },
  }
}

function answer(
  upstreams: readonly UpstreamHealth[],
  html: boolean,
  pick: (shown: ShownUpstream[]) => object,
): ControlAnswer {
  const shown = upstreams.map(showUpstream)
  if (!html) return { status: 200, body: pick(shown) }
  return { status: 200, body: healthPage(shown), contentType: 'text/html; charset=utf-8' }
}

function isSource(name: string): name is Source {
  return (SOURCES as readonly string[]).includes(name)
}
