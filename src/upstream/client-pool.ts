import { completeOptions, NodeClient, type NodeClientOptions } from './node-client.ts'
import { NodeLoad } from './node-load.ts'
import { addressOf, keyOf, type NodeOrigin } from './node-origin.ts'

/** How many connections to a node are kept, and how long. */
export type KeepAliveLimits = Pick<NodeClientOptions, 'idleMs' | 'maxIdle' | 'maxRequests'>

/** The node clients of a worker, shared by all upstreams that name the same node. */
export interface ClientPool {
  /** A client for the node; pair each call with a `release`. Limits of their own, connections of their own. */
  acquire(origin: NodeOrigin, limits?: KeepAliveLimits): NodeClient
  /** The last release stops the client: requests under way finish, then its connections close. */
  release(client: NodeClient): void
  readonly size: number
}

/**
 * Creates an empty pool. To keep connections over a change of configuration, create the new
 * upstream before the old one is stopped.
 */
export function createClientPool(options: NodeClientOptions = {}): ClientPool {
  const common = completeOptions(options)
  const clients = new Map<string, { client: NodeClient; users: number }>()
  const loads = new Map<string, NodeLoad>()

  function joinLoad(address: string): NodeLoad {
    const load = loads.get(address) ?? new NodeLoad()
    if (load.users++ === 0) loads.set(address, load)
    return load
  }

  return {
    acquire(origin, limits) {
      const key = limits === undefined ? keyOf(origin) : `${keyOf(origin)}|${limitsKey(limits)}`
      let shared = clients.get(key)
      if (shared === undefined) {
        const load = joinLoad(addressOf(origin))
        const client = new NodeClient(origin, limits ? { ...common, ...limits } : common, load, key)
        shared = { client, users: 0 }
        clients.set(key, shared)
      }
      shared.users++
      return shared.client
    },

    release(client) {
      const shared = clients.get(client.key)
      if (shared?.client !== client || --shared.users > 0) return
      clients.delete(client.key)
      if (--client.load.users === 0) loads.delete(client.address)
      client.stop()
    },

    get size() {
      return clients.size
    },
  }
}

function limitsKey({ idleMs, maxIdle, maxRequests }: KeepAliveLimits): string {
  return `${idleMs} ${maxIdle} ${maxRequests}`
}
