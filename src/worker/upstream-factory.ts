import type { Timeout } from '../model/schemas/timeout.ts'
import type { ClientPool } from '../upstream/client-pool.ts'
import { configuredNodes } from '../upstream/configured-nodes.ts'
import type { NameService } from '../upstream/names/name-service.ts'
import { createTlsContext, type TlsContext } from '../upstream/tls-context.ts'
import { createUpstream, type Timeouts, type Upstream } from '../upstream/upstream.ts'
import type { UpstreamObserver } from '../upstream/upstream-node.ts'
import type { StoredUpstream } from './stored-objects.ts'
import {
  type CertificateLookup,
  clientCertificateOf,
  keepAliveOf,
  pickerOf,
  retryBudgetOf,
  serviceOf,
  timeoutsOf,
  toMs,
} from './upstream-config.ts'

/** What upstreams of a worker have in common. */
export interface UpstreamFactoryOptions {
  /** Makes the observer of an upstream, if it wants one; `owner` as in `create`. */
  readonly observe?:
    | ((body: StoredUpstream, owner: string) => UpstreamObserver | undefined)
    | undefined
  /** Pick nodes that are not available if none is; default true. */
  readonly forwardIfAllDown?: boolean | undefined
  /** Resolves nodes' names; without it the system does, with each connection. */
  readonly names?: NameService | undefined
  /** PEM certificates that nodes are verified against; undefined = those that Node trusts. */
  readonly trustedCa?: readonly string[] | undefined
  /** Called for each attempt after the first of a request. */
  readonly onRetry?: (() => void) | undefined
}

/** Makes upstreams out of their configuration; all share the connections of one pool. */
export class UpstreamFactory {
  readonly #clients: ClientPool
  readonly #defaults: Timeouts
  readonly #options: UpstreamFactoryOptions
  /** For upstreams without a certificate of their own. */
  readonly #trust: TlsContext | undefined

  constructor(clients: ClientPool, defaults: Timeouts, options: UpstreamFactoryOptions = {}) {
    this.#clients = clients
    this.#defaults = defaults
    this.#options = options
    this.#trust = createTlsContext({ ca: options.trustedCa })
  }

  /**
   * `owner` is the object that the configuration stands in, `upstreams/ID` or `routes/ID`: what
   * health checks know an upstream by. `findCertificate` knows the ssls objects.
   * @throws ConfigError when the configuration asks for what can't be built.
   */
  create(body: StoredUpstream, owner = '', findCertificate?: CertificateLookup): Upstream {
    const { scheme = 'http', pass_host: passHost = 'pass', retry_timeout: retryTimeout = 0 } = body
    const { forwardIfAllDown, observe, names, onRetry } = this.#options
    return createUpstream(
      {
        nodes: configuredNodes(body.nodes ?? [], scheme),
        service: serviceOf(body, scheme === 'https' ? 443 : 80),
        scheme,
        timeouts: this.timeoutsOf(body.timeout) ?? this.#defaults,
        retries: body.retries,
        retryTimeoutMs: toMs(retryTimeout),
        retryBudget: retryBudgetOf(body),
        passHost,
        upstreamHost: body.upstream_host,
        verifyTls: body.tls?.verify,
        tls: scheme === 'https' ? this.#tlsOf(body, findCertificate) : undefined,
        keepAlive: keepAliveOf(body),
        createPicker: pickerOf(body),
        forwardIfAllDown,
        onRetry,
      },
      this.#clients,
      observe?.(body, owner),
      names,
    )
  }

  /** APISIX counts time-outs in seconds. */
  timeoutsOf(timeout: Timeout | undefined): Timeouts | undefined {
    return timeoutsOf(timeout)
  }

  #tlsOf(body: StoredUpstream, find: CertificateLookup | undefined): TlsContext | undefined {
    const { cert, key } = clientCertificateOf(body, find)
    if (cert === undefined) return this.#trust
    return createTlsContext({ cert, key, ca: this.#options.trustedCa })
  }
}
