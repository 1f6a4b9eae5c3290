import { UpstreamError } from '../model/errors.ts'
import type { BodySource, PendingRequest, RawHeaders, ResponseSink } from '../model/http-message.ts'
import type { RequestContext } from '../model/request-context.ts'
import { type CreatePicker, createBalancer } from './balancer.ts'
import type { ClientPool } from './client-pool.ts'
import { FailedCall } from './failed-call.ts'
import type { NameService } from './names/name-service.ts'
import { NodeSet, type NodeSetConfig } from './node-set.ts'
import { RetryBudget, type RetryBudgetConfig } from './retry-budget.ts'
import { createRoundRobin } from './round-robin.ts'
import type { Timeouts } from './timeouts.ts'
import { UpstreamCall, type UpstreamSetup } from './upstream-call.ts'
import type { UpstreamNode, UpstreamObserver } from './upstream-node.ts'
import { WaitingCall } from './waiting-call.ts'

export { DEFAULT_TIMEOUTS, type Timeouts } from './timeouts.ts'

export interface UpstreamConfig extends NodeSetConfig {
  readonly timeouts: Timeouts
  /** How many further attempts a request may make; undefined = as many as there are other nodes, up to 4. */
  readonly retries?: number | undefined
  /** From the first attempt; no further one begins later. 0 or undefined = no limit. */
  readonly retryTimeoutMs?: number | undefined
  readonly retryBudget?: RetryBudgetConfig | undefined
  /** Called for each further attempt; for metrics. */
  readonly onRetry?: (() => void) | undefined
  /** How to choose among nodes of one priority; default round robin. */
  readonly createPicker?: CreatePicker | undefined
  /** With no node available, pick one all the same (default) rather than fail. */
  readonly forwardIfAllDown?: boolean | undefined
}

/** Hears of the attempts of one request. */
export interface AttemptRecorder {
  /**
   * An attempt at `node` (`host:port`) was answered with `status`, or failed: 502, 503 or 504. `name`:
   * what its address was looked up by.
   */
  noteAttempt(node: string, status: number, name: string | undefined): void
}

/** A request for an upstream, without the fields that belong to a connection. */
export interface UpstreamRequest {
  readonly method: string
  /** Path and query, as they go on the wire. */
  readonly path: string
  /** Authority that the client named. */
  readonly authority: string
  /** Host field in place of what the upstream says. */
  readonly host?: string | undefined
  readonly headers: RawHeaders
  readonly body: BodySource | undefined
  /** What hashing balancers read their key from. */
  readonly context?: RequestContext | undefined
  readonly attempts?: AttemptRecorder | undefined
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

/** More attempts than this, unasked, would turn an outage into a flood. */
const MAX_DEFAULT_RETRIES = 4

/** Creates an upstream. Throws ConfigError for a scheme that can't be spoken. */
export function createUpstream(
  config: UpstreamConfig,
  clients: ClientPool,
  observer?: UpstreamObserver,
  names?: NameService,
): Upstream {
  return new NodeUpstream(config, clients, observer, names)
}

class NodeUpstream implements Upstream {
  readonly #config: UpstreamConfig
  readonly #nodeSet: NodeSet
  readonly #setup: UpstreamSetup
  readonly #observer: UpstreamObserver | undefined
  /** Requests that wait for a name; few upstreams ever have any. */
  #waiting: Set<WaitingCall> | undefined
  #stopped = false
  #released = false

  constructor(
    config: UpstreamConfig,
    clients: ClientPool,
    observer: UpstreamObserver | undefined,
    names: NameService | undefined,
  ) {
    const { retryTimeoutMs = 0, retryBudget, onRetry } = config
    this.#config = config
    this.#observer = observer
    this.#nodeSet = new NodeSet(config, clients, names, () => this.#onNodes())
    this.#setup = {
      ...this.#balancing(),
      retryTimeoutMs,
      budget: retryBudget && new RetryBudget(retryBudget),
      observer,
      onRetry,
    }
    observer?.onNodes?.(this.nodes)
  }

  get nodes(): readonly UpstreamNode[] {
    return this.#nodeSet.nodes
  }

  send(request: UpstreamRequest, sink: ResponseSink, timeouts = this.#config.timeouts) {
    const node = this.#setup.balancer.pick(request.context, undefined)
    if (node !== undefined) return new UpstreamCall(this.#setup, request, timeouts, sink, node)
    return this.#nodeSet.pending
      ? this.#wait(request, sink, timeouts)
      : new FailedCall(sink, this.#noNode())
  }

  stop(): void {
    this.#stopped = true
    // Those that wait for a name are under way: they go on with the answer.
    if (this.#released || (this.#waiting !== undefined && this.#waiting.size > 0)) return
    this.#released = true
    this.#observer?.onNodes?.([])
    this.#nodeSet.stop()
  }

  #balancing(): Pick<UpstreamSetup, 'balancer' | 'retries' | 'isSingle'> {
    const { createPicker = createRoundRobin, forwardIfAllDown = true, retries } = this.#config
    const { nodes } = this.#nodeSet
    return {
      balancer: createBalancer(nodes, createPicker, forwardIfAllDown),
      retries: retries ?? Math.min(Math.max(nodes.length - 1, 0), MAX_DEFAULT_RETRIES),
      isSingle: nodes.length === 1,
    }
  }

  /** Names have other addresses now. */
  #onNodes(): void {
    this.#observer?.onNodes?.(this.nodes)
    Object.assign(this.#setup, this.#balancing())
    // With other names still to come they would begin to wait again, for as long as at first.
    if (this.#nodeSet.pending) return
    for (const call of [...(this.#waiting ?? [])]) call.proceed()
  }

  #wait(request: UpstreamRequest, sink: ResponseSink, timeouts: Timeouts): PendingRequest {
    this.#waiting ??= new Set()
    const waiting = this.#waiting
    const call = new WaitingCall(
      sink,
      timeouts.connectMs,
      () => this.send(request, sink, timeouts),
      (over) => {
        waiting.delete(over)
        // After the request has gone on.
        if (this.#stopped) queueMicrotask(() => this.stop())
      },
    )
    waiting.add(call)
    return call
  }

  #noNode(): UpstreamError {
    const { unresolved } = this.#nodeSet
    const message =
      unresolved.length === 0
        ? 'no node of the upstream can be picked'
        : `no node of the upstream is known: ${unresolved.join(', ')} not resolved`
    return new UpstreamError('GW_UPSTREAM_NO_NODE', message, { safeToRetry: true })
  }
}
