import { NodeClient, type NodeClientOptions } from './node-client.ts'
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

interface SharedClient {
  readonly key: string
  readonly client: NodeClient
  users: number
}

/**
 * Creates an empty pool. To keep connections over a change of configuration, create the new
 * upstream before the old one is stopped.
 */
export function createClientPool(options: NodeClientOptions = {}): ClientPool {
  const byKey = new Map<string, SharedClient>()
  const byClient = new Map<NodeClient, SharedClient>()
  const loads = new Map<string, { load: NodeLoad; users: number }>()

  function joinLoad(address: string): NodeLoad {
    const shared = loads.get(address)
    if (shared === undefined) {
      const load = new NodeLoad()
      loads.set(address, { load, users: 1 })
      return load
    }
    shared.users++
    return shared.load
  }

  function leaveLoad(address: string): void {
    const shared = loads.get(address)
    if (shared !== undefined && --shared.users === 0) loads.delete(address)
  }

  return {
    acquire(origin, limits) {
      const key = limits === undefined ? keyOf(origin) : `${keyOf(origin)}|${limitsKey(limits)}`
      let shared = byKey.get(key)
      if (shared === undefined) {
        const load = joinLoad(addressOf(origin))
        const client = new NodeClient(origin, { ...options, ...limits }, load)
        shared = { key, client, users: 0 }
        byKey.set(key, shared)
        byClient.set(client, shared)
      }
      shared.users++
      return shared.client
    },

    release(client) {
      const shared = byClient.get(client)
      if (shared === undefined || --shared.users > 0) return
      byKey.delete(shared.key)
      byClient.delete(client)
      leaveLoad(client.address)
      client.stop()
    },

    get size() {
      return byKey.size
    },
  }
}

function limitsKey({ idleMs, maxIdle, maxRequests }: KeepAliveLimits): string {
  return `${idleMs} ${maxIdle} ${maxRequests}`
}
