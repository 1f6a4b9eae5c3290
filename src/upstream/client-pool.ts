import { NodeClient, type NodeClientOptions } from './node-client.ts'
import { keyOf, type NodeOrigin } from './node-origin.ts'

/** The node clients of a worker, shared by all upstreams that name the same node. */
export interface ClientPool {
  /** A client for the node; pair each call with a `release`. */
  acquire(origin: NodeOrigin): NodeClient
  /** The last release stops the client: requests under way finish, then its connections close. */
  release(client: NodeClient): void
  readonly size: number
}

/**
 * Creates an empty pool. To keep connections over a change of configuration, create the new
 * upstream before the old one is stopped.
 */
export function createClientPool(options: NodeClientOptions = {}): ClientPool {
  const clients = new Map<string, { client: NodeClient; users: number }>()

  return {
    acquire(origin) {
      const key = keyOf(origin)
      let shared = clients.get(key)
      if (shared === undefined) {
        shared = { client: new NodeClient(origin, options), users: 0 }
        clients.set(key, shared)
      }
      shared.users++
      return shared.client
    },

    release(client) {
      const key = keyOf(client.origin)
      const shared = clients.get(key)
      if (shared?.client !== client || --shared.users > 0) return
      clients.delete(key)
      client.stop()
    },

    get size() {
      return clients.size
    },
  }
}
