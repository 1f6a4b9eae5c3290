import type { ClientPool, KeepAliveLimits } from './client-pool.ts'
import type { NodeClient } from './node-client.ts'
import type { NodeOrigin } from './node-origin.ts'
import { serverNameOf } from './server-name.ts'

/** Names whose connections are kept, per node: clients may make up any number of Hosts. */
const MAX_NAMES = 64

/**
 * Connections to one node over TLS, apart by the name that they ask for: with `pass_host: pass`
 * the server name follows the client's Host, as in APISIX.
 */
export class NamedClients {
  readonly #pool: ClientPool
  readonly #origin: NodeOrigin
  readonly #limits: KeepAliveLimits | undefined
  /** For a Host that is no name. */
  readonly #nameless: NodeClient
  /** By server name, the one used last at the end. */
  readonly #clients = new Map<string, NodeClient>()
  #lastAuthority: string | undefined
  #lastClient: NodeClient
  #stopped = false

  constructor(
    pool: ClientPool,
    origin: NodeOrigin,
    limits: KeepAliveLimits | undefined,
    nameless: NodeClient,
  ) {
    this.#pool = pool
    this.#origin = origin
    this.#limits = limits
    this.#nameless = nameless
    this.#lastClient = nameless
  }

  /** The client whose connections ask for this authority. */
  clientFor(authority: string): NodeClient {
    if (authority === this.#lastAuthority) return this.#lastClient
    const servername = serverNameOf(authority)
    const client = servername === undefined ? this.#nameless : this.#named(servername)
    this.#lastAuthority = authority
    this.#lastClient = client
    return client
  }

  /** Gives up all; requests under way finish. */
  stop(): void {
    this.#stopped = true
    for (const client of this.#clients.values()) this.#pool.release(client)
    this.#clients.clear()
  }

  #named(servername: string): NodeClient {
    const known = this.#clients.get(servername)
    const client = known ?? this.#pool.acquire({ ...this.#origin, servername }, this.#limits)
    // A retry of a request that outlives its upstream: nobody else would release it.
    if (this.#stopped) {
      this.#pool.release(client)
      return client
    }
    this.#clients.delete(servername)
    this.#clients.set(servername, client)
    if (this.#clients.size > MAX_NAMES) this.#dropOldest()
    return client
  }

  #dropOldest(): void {
    for (const [name, client] of this.#clients) {
      this.#clients.delete(name)
      this.#pool.release(client)
      return
    }
  }
}
