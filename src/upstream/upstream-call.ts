import type { UpstreamError } from '../model/errors.ts'
import type { PendingRequest, RawHeaders, ResponseSink } from '../model/http-message.ts'
import type { Balancer } from './balancer.ts'
import type { FailedCall } from './failed-call.ts'
import type { NodeCall } from './node-call.ts'
import type { Timeouts } from './timeouts.ts'
import { UploadBody } from './upload-body.ts'
import type { UpstreamRequest } from './upstream.ts'
import type { UpstreamNode, UpstreamObserver } from './upstream-node.ts'

/** What all requests of an upstream share. */
export interface UpstreamSetup {
  readonly balancer: Balancer
  /** Further nodes to try after the first. */
  readonly retries: number
  readonly observer: UpstreamObserver | undefined
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
  #tried: UpstreamNode[] | undefined
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
    this.#request.attempts?.noteAttempt(this.#node.address, status)
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
    if (this.#body?.failure === undefined) {
      this.#setup.observer?.onFailure?.(this.#node, failure)
    }
    if (!this.#answered) this.#request.attempts?.noteAttempt(this.#node.address, statusOf(failure))
    if (this.#retry(failure)) return
    this.#over = true
    this.#body?.discard()
    this.#sink.onError(failure)
  }

  #send(fresh: boolean): void {
    const { method, path, headers, authority, host: forced } = this.#request
    const { client, hostHeader } = this.#node
    const host = forced ?? hostHeader ?? (authority || client.address)
    const request = { method, path, host, headers, body: this.#body }
    this.#attempt = client.send(request, this.#timeouts, this, fresh)
  }

  /** Starts another attempt if that is safe and there is one to make. */
  #retry(error: UpstreamError): boolean {
    if (this.#over || this.#answered || !this.#canResend(error)) return false
    const isReset = error.code === 'GW_UPSTREAM_RESET'
    if (isReset && !this.#replacedConnection && this.#attempt?.onReusedConnection) {
      this.#replacedConnection = true
      this.#send(true)
      return true
    }
    this.#tried ??= []
    this.#tried.push(this.#node)
    if (this.#tried.length > this.#setup.retries) return false
    const next = this.#setup.balancer.pick(this.#request.context, this.#tried)
    if (next === undefined) return false
    this.#node = next
    this.#send(false)
    return true
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
