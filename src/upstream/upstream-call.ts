import type { UpstreamError } from '../model/errors.ts'
import type { PendingRequest, RawHeaders, ResponseSink } from '../model/http-message.ts'
import type { Balancer } from './balancer.ts'
import type { FailedCall } from './failed-call.ts'
import type { NodeCall } from './node-call.ts'
import type { RetryBudget } from './retry-budget.ts'
import type { Timeouts } from './timeouts.ts'
import { UploadBody } from './upload-body.ts'
import type { UpstreamRequest } from './upstream.ts'
import type { UpstreamNode, UpstreamObserver } from './upstream-node.ts'

/** What all requests of an upstream share; names may bring other nodes while one is under way. */
export interface UpstreamSetup {
  readonly balancer: Balancer
  /** Further attempts after the first. */
  readonly retries: number
  /** The only node is tried again: there is no other to turn to. */
  readonly isSingle: boolean
  /** No further attempt begins later than this after the first; 0 = no limit. */
  readonly retryTimeoutMs: number
  readonly budget: RetryBudget | undefined
  readonly observer: UpstreamObserver | undefined
  /** Another attempt begins. */
  readonly onRetry: (() => void) | undefined
}

/** RFC 9110, section 9.2.2: sending one of these twice does what sending it once does. */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])

/**
 * One request to an upstream: as many attempts as it takes and is safe, one at a time.
 *
 * A failed attempt is followed by another only while no byte of a response was delivered, and
 * - if nothing of the request was sent: whatever the method, on another node;
 * - if it was: for idempotent methods whose body, if any, is still here whole, on another node, or
 *   once on a new connection to the same node if it was a reused one that broke (the node may have
 *   closed it just when we sent).
 */
export class UpstreamCall implements PendingRequest, ResponseSink {
  readonly #setup: UpstreamSetup
  readonly #request: UpstreamRequest
  readonly #timeouts: Timeouts
  readonly #sink: ResponseSink
  readonly #body: UploadBody | undefined
  #node: UpstreamNode
  #attempt: NodeCall | FailedCall | undefined
  /** Nodes of failed attempts, in order. */
  #tried: UpstreamNode[] | undefined
  readonly #startedAt: number
  #attemptedAt = 0
  #replacedConnection = false
  #answered = false
  #over = false

  constructor(
    setup: UpstreamSetup,
    request: UpstreamRequest,
    timeouts: Timeouts,
    sink: ResponseSink,
    node: UpstreamNode,
  ) {
    this.#setup = setup
    this.#request = request
    this.#timeouts = timeouts
    this.#sink = sink
    this.#node = node
    this.#body = request.body === undefined ? undefined : new UploadBody(request.body)
    this.#startedAt = setup.retryTimeoutMs > 0 ? performance.now() : 0
    setup.budget?.earn()
    this.#send(false)
  }

  resume(): void {
    this.#attempt?.resume()
  }

  abort(): void {
    if (this.#over) return
    this.#over = true
    this.#attempt?.abort()
    this.#body?.discard()
  }

  onHead(status: number, reason: string, headers: RawHeaders): void {
    this.#answered = true
    this.#setup.observer?.onResponse?.(this.#node, status)
    this.#measure(false)
    this.#noteAttempt(status)
    this.#sink.onHead(status, reason, headers)
  }

  onData(chunk: Buffer): boolean {
    return this.#sink.onData(chunk)
  }

  onEnd(trailers: RawHeaders): void {
    this.#over = true
    this.#body?.discard()
    this.#sink.onEnd(trailers)
  }

  onError(error: Error): void {
    const failure = error as UpstreamError
    const canResend = !this.#over && !this.#answered && this.#canResend(failure)
    if (canResend && this.#replaceConnection(failure)) return
    this.#report(failure)
    if (canResend && this.#tryNext()) return
    this.#over = true
    this.#body?.discard()
    this.#sink.onError(failure)
  }

  #send(fresh: boolean): void {
    const { method, path, headers, authority, host: forced } = this.#request
    const { address, client, named, hostHeader } = this.#node
    const host = forced ?? hostHeader ?? (authority || address)
    const request = { method, path, host, headers, body: this.#body }
    if (this.#setup.balancer.done !== undefined) this.#attemptedAt = performance.now()
    const connections = named === undefined ? client : named.clientFor(host)
    this.#attempt = connections.send(request, this.#timeouts, this, fresh)
  }

  #measure(failed: boolean): void {
    const { done } = this.#setup.balancer
    if (done !== undefined) done(this.#node, performance.now() - this.#attemptedAt, failed)
  }

  #report(failure: UpstreamError): void {
    const { observer } = this.#setup
    if (this.#body?.failure === undefined) {
      observer?.onFailure?.(this.#node, failure)
      if (!this.#answered) this.#measure(true)
    }
    if (!this.#answered) this.#noteAttempt(statusOf(failure))
  }

  #noteAttempt(status: number): void {
    const { address, name } = this.#node
    this.#request.attempts?.noteAttempt(address, status, name)
  }

  /** A reused connection may have been closed just when we sent: that is no fault of the node. */
  #replaceConnection({ code }: UpstreamError): boolean {
    if (code !== 'GW_UPSTREAM_RESET' || this.#replacedConnection) return false
    if (!this.#attempt?.onReusedConnection) return false
    this.#replacedConnection = true
    this.#send(true)
    return true
  }

  /** Starts an attempt at another node if there is one to make. */
  #tryNext(): boolean {
    this.#tried ??= []
    this.#tried.push(this.#node)
    const next = this.#nextNode(this.#tried)
    if (next === undefined) return false
    this.#node = next
    this.#setup.onRetry?.()
    this.#send(false)
    return true
  }

  /** Where to go after these; undefined = nowhere. */
  #nextNode(tried: readonly UpstreamNode[]): UpstreamNode | undefined {
    const { balancer, retries, isSingle, retryTimeoutMs, budget } = this.#setup
    if (tried.length > retries) return undefined
    if (retryTimeoutMs > 0 && performance.now() - this.#startedAt > retryTimeoutMs) return undefined
    const next = balancer.pick(this.#request.context, isSingle ? undefined : tried)
    return next !== undefined && budget?.spend() === false ? undefined : next
  }

  #canResend(error: UpstreamError): boolean {
    const body = this.#body
    if (body !== undefined && (body.started || body.failure !== undefined)) return false
    if (error.safeToRetry) return true
    if (error.code === 'GW_UPSTREAM_PROTOCOL' || !IDEMPOTENT.has(this.#request.method)) return false
    return body === undefined || body.whole !== undefined
  }
}

/** What nginx writes down for an attempt without an answer. */
function statusOf({ code }: UpstreamError): number {
  return code === 'GW_UPSTREAM_TIMEOUT' ? 504 : 502
}
