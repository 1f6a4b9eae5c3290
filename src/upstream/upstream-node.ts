import type { UpstreamError } from '../model/errors.ts'
import type { NamedClients } from './named-clients.ts'
import type { NodeClient } from './node-client.ts'

/** A node as an upstream sees it. What can change is read at each pick. */
export interface UpstreamNode {
  /** `host:port` as connected to, with brackets around an IPv6 address. */
  readonly address: string
  readonly host: string
  readonly port: number
  /** The name that was resolved to `host`; undefined for a node that is configured by its address. */
  readonly name: string | undefined
  /** 0 = never picked. */
  readonly weight: number
  /** Nodes of a lower priority are picked only when none of a higher one can be. */
  readonly priority: number
  readonly client: NodeClient
  /** Connections apart by the client's Host, where TLS asks for that. */
  readonly named?: NamedClients | undefined
  /** Host field for this node; undefined = the client's own. */
  readonly hostHeader: string | undefined
  /** False: picked only if no node of the upstream is available, and only if that is wanted. */
  available: boolean
  /** Share of its weight that the node gets, 0 to 1: less than 1 while it starts slowly. */
  share: number
}

/** Hears of an upstream's nodes and every attempt at one: for health checks and metrics. */
export interface UpstreamObserver {
  /**
   * The nodes from now on, before the first pick among them: set `available` and `share` of those
   * that are new. A node that stays is the same object. Empty when the upstream has stopped.
   */
  onNodes?(nodes: readonly UpstreamNode[]): void
  /** The head of a response has come. */
  onResponse?(node: UpstreamNode, status: number): void
  /** The attempt failed, before or after its head. Not called when the client is to blame. */
  onFailure?(node: UpstreamNode, error: UpstreamError): void
}
