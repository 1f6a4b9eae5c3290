import { isIP } from 'node:net'
import { ConfigError, UpstreamError } from '../model/errors.ts'
import type { BodySource, PendingRequest, RawHeaders, ResponseSink } from '../model/http-message.ts'
import type { RequestContext } from '../model/request-context.ts'
import { type CreatePicker, createBalancer } from './balancer.ts'
import type { ClientPool } from './client-pool.ts'
import type { NodeConfig } from './configured-nodes.ts'
import { FailedCall } from './failed-call.ts'
import { addressOf, type NodeOrigin, nodeHostHeader } from './node-origin.ts'
import { createRoundRobin } from './round-robin.ts'
import type { Timeouts } from './timeouts.ts'
import { UpstreamCall } from './upstream-call.ts'
import type { UpstreamNode, UpstreamObserver } from './upstream-node.ts'

export { DEFAULT_TIMEOUTS, type Timeouts } from './timeouts.ts'

export interface UpstreamConfig {
  readonly nodes: readonly NodeConfig[]
  /** `http` or `https`. */
  readonly scheme: string
  readonly timeouts: Timeouts
  /** How many further nodes a request may try; default 1. */
  readonly retries?: number | undefined
  /** Host field for the nodes: the client's, the node's own, or `upstreamHost`. */
  readonly passHost: 'pass' | 'node' | 'rewrite'
  readonly upstreamHost?: string | undefined
  /** Check the nodes' certificates; default false, as in APISIX. */
  readonly verifyTls?: boolean | undefined
  /** How to choose among nodes of one priority; default round robin. */
  readonly createPicker?: CreatePicker | undefined
  /** With no node available, pick one all the same (default) rather than fail. */
  readonly forwardIfAllDown?: boolean | undefined
}

/** A request for an upstream, without the fields that belong to a connection. */
export interface UpstreamRequest {
  readonly method: string
  /** Path and query, as they go on the wire. */
  readonly path: string
  /** Authority that the client named. */
  readonly authority: string
  readonly headers: RawHeaders
  readonly body: BodySource | undefined
  /** What hashing balancers read their key from. */
  readonly context?: RequestContext | undefined
  /** Host field in place of what `passHost` says. */
  readonly host?: string | undefined
  /** Is told of every attempt: the node's address, and the status or 502 or 504 for a failure. */
  readonly attempts?: { noteAttempt(node: string, status: number): void } | undefined
}

/** A set of nodes that requests are spread over. */
export interface Upstream {
  /** Its nodes now; those whose name is not resolved yet are missing. */
  readonly nodes: readonly UpstreamNode[]
  /**
   * Sends a request to one node, or one after another. The sink hears a response or, in the end,
   * an UpstreamError; nothing before this returns. `timeouts` take the place of the upstream's own.
   */
  send(request: UpstreamRequest, sink: ResponseSink, timeouts?: Timeouts): PendingRequest
  /** Gives up its nodes; requests under way finish. */
  stop(): void
}

const DEFAULT_RETRIES = 1

/** Creates an upstream. Throws ConfigError for a scheme that can't be spoken. */
export function createUpstream(
  config: UpstreamConfig,
  clients: ClientPool,
  observer?: UpstreamObserver,
): Upstream {
  const origins = config.nodes.map((node) => originOf(node, config))
  const nodes = origins.map((origin, i): UpstreamNode => {
    const { weight = 0, priority = 0 } = config.nodes[i] ?? {}
    const { host, port } = origin
    return {
      address: addressOf(origin),
      host,
      port,
      name: undefined,
      weight,
      priority,
      client: clients.acquire(origin),
      hostHeader: hostHeaderOf(origin, config),
      available: true,
      share: 1,
    }
  })
  const { createPicker = createRoundRobin, forwardIfAllDown = true } = config
  const balancer = createBalancer(nodes, createPicker, forwardIfAllDown)
  const setup = { balancer, retries: config.retries ?? DEFAULT_RETRIES, observer }
  let stopped = false
  observer?.onNodes?.(nodes)

  return {
    nodes,

    send(request, sink, timeouts = config.timeouts) {
      const node = balancer.pick(request.context, undefined)
      return node === undefined
        ? failWithoutNode(sink)
        : new UpstreamCall(setup, request, timeouts, sink, node)
    },

    stop() {
      if (stopped) return
      stopped = true
      observer?.onNodes?.([])
      for (const { client } of nodes) clients.release(client)
    },
  }
}

function originOf({ host, port }: NodeConfig, config: UpstreamConfig): NodeOrigin {
  const { scheme, verifyTls = false } = config
  if (scheme === 'http') return { scheme, host, port, servername: undefined, verify: false }
  if (scheme !== 'https') {
    throw new ConfigError('GW_CONFIG_INVALID', `scheme ${scheme} is not supported: http, https`)
  }
  // Never the client's Host: connections are kept per name, and clients could make up any number.
  const name = config.passHost === 'rewrite' ? config.upstreamHost : host
  const servername = name === undefined ? undefined : sniOf(name)
  return { scheme, host, port, servername, verify: verifyTls }
}

/** Server name of a host or authority; addresses are not names (RFC 6066, section 3). */
function sniOf(authority: string): string | undefined {
  const name = authority.replace(/:\d+$/, '')
  return isIP(name) !== 0 || name.startsWith('[') || isIP(authority) !== 0 ? undefined : name
}

function hostHeaderOf(origin: NodeOrigin, config: UpstreamConfig): string | undefined {
  if (config.passHost === 'pass') return undefined
  return config.passHost === 'node' ? nodeHostHeader(origin) : config.upstreamHost
}

function failWithoutNode(sink: ResponseSink): PendingRequest {
  const message = 'no node of the upstream can be picked'
  const error = new UpstreamError('GW_UPSTREAM_NO_NODE', message, { safeToRetry: true })
  return new FailedCall(sink, error)
}
