import type { Timeout } from '../model/schemas/timeout.ts'
import type { ClientPool } from '../upstream/client-pool.ts'
import { configuredNodes } from '../upstream/configured-nodes.ts'
import { createUpstream, type Timeouts, type Upstream } from '../upstream/upstream.ts'
import type { UpstreamObserver } from '../upstream/upstream-node.ts'
import type { StoredUpstream } from './stored-objects.ts'

const MS_PER_SECOND = 1000
/** Node's timers take more for 1 ms. */
const MAX_TIMER_MS = 2 ** 31 - 1

/** What upstreams of a worker have in common. */
export interface UpstreamFactoryOptions {
  /** Makes the observer of an upstream, if it wants one; `owner` as in `create`. */
  readonly observe?:
    | ((body: StoredUpstream, owner: string) => UpstreamObserver | undefined)
    | undefined
  /** Pick nodes that are not available if none is; default true. */
  readonly forwardIfAllDown?: boolean | undefined
}

/** Makes upstreams out of their configuration; all share the connections of one pool. */
export class UpstreamFactory {
  readonly #clients: ClientPool
  readonly #defaults: Timeouts
  readonly #options: UpstreamFactoryOptions

  constructor(clients: ClientPool, defaults: Timeouts, options: UpstreamFactoryOptions = {}) {
    this.#clients = clients
    this.#defaults = defaults
    this.#options = options
  }

  /**
   * `owner` is the object that the configuration stands in, `upstreams/ID` or `routes/ID`: what
   * health checks know an upstream by.
   * @throws ConfigError when the configuration asks for what can't be built.
   */
  create(body: StoredUpstream, owner = ''): Upstream {
    const { scheme = 'http', pass_host: passHost = 'pass' } = body
    return createUpstream(
      {
        nodes: configuredNodes(body.nodes ?? [], scheme),
        scheme,
        timeouts: this.timeoutsOf(body.timeout) ?? this.#defaults,
        retries: body.retries,
        passHost,
        upstreamHost: body.upstream_host,
        forwardIfAllDown: this.#options.forwardIfAllDown,
      },
      this.#clients,
      this.#options.observe?.(body, owner),
    )
  }

  /** APISIX counts time-outs in seconds. */
  timeoutsOf(timeout: Timeout | undefined): Timeouts | undefined {
    if (timeout === undefined) return undefined
    return {
      connectMs: toMs(timeout.connect),
      sendMs: toMs(timeout.send),
      readMs: toMs(timeout.read),
    }
  }
}

function toMs(seconds: number): number {
  return Math.min(seconds * MS_PER_SECOND, MAX_TIMER_MS)
}
