import type { Exchange } from '../http/exchange.ts'
import { responseHeaders } from '../http/forwarding.ts'
import { GatewayError } from '../model/errors.ts'
import type { PendingRequest, RawHeaders, ResponseSink } from '../model/http-message.ts'
import type { Upstream } from '../upstream/upstream.ts'
import { replyError } from './error-reply.ts'
import type { RoutePlan } from './route-plan.ts'
import type { StatsCollector } from './stats.ts'

/** Carries one exchange to an upstream and its response back; backpressure both ways. */
export class ProxyCall implements ResponseSink {
  readonly #exchange: Exchange
  readonly #stats: StatsCollector
  #pending: PendingRequest | undefined
  #over = false

  constructor(exchange: Exchange, stats: StatsCollector) {
    this.#exchange = exchange
    this.#stats = stats
    exchange.onDrain = () => this.#pending?.resume()
    exchange.onClose = (aborted) => this.#close(aborted)
  }

  start(upstream: Upstream, plan: RoutePlan, headers: RawHeaders): void {
    const { method, target: path, authority, body } = this.#exchange
    const request = { method, path, headers, authority, body }
    this.#pending = upstream.send(request, this, plan.timeouts)
  }

  onHead(status: number, reason: string, headers: RawHeaders): void {
    this.#exchange.respond(status, reason, responseHeaders(headers), contentLength(headers))
  }

  onData(chunk: Buffer): boolean {
    return this.#exchange.write(chunk)
  }

  onEnd(trailers: RawHeaders): void {
    this.#over = true
    this.#exchange.end(trailers)
  }

  onError(error: Error): void {
    this.#over = true
    const code = error instanceof GatewayError ? error.code : 'GW_UPSTREAM_RESET'
    this.#stats.countUpstreamError(code)
    // A response under way can't be taken back: cut it, so that it isn't taken for a whole one.
    if (this.#exchange.responded) this.#exchange.abort()
    else replyError(this.#exchange, STATUS_OF[code] ?? 502)
  }

  #close(aborted: boolean): void {
    const { status, bytesSent } = this.#exchange
    this.#stats.countRequest(status === 0 ? CLIENT_CLOSED_REQUEST : status, bytesSent)
    if (aborted && !this.#over) this.#pending?.abort()
    this.#over = true
  }
}

/** nginx's status for a client that left before there was an answer. */
const CLIENT_CLOSED_REQUEST = 499

const STATUS_OF: Readonly<Record<string, number>> = {
  GW_UPSTREAM_NO_NODE: 503,
  GW_UPSTREAM_LOCAL_LIMIT: 503,
  GW_UPSTREAM_CONNECT: 502,
  GW_UPSTREAM_RESET: 502,
  GW_UPSTREAM_PROTOCOL: 502,
  GW_UPSTREAM_TIMEOUT: 504,
}

/** The announced length of the body; undefined when there is none. */
function contentLength(headers: RawHeaders): number | undefined {
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string
    if (name.length === 14 && name.toLowerCase() === 'content-length') return Number(headers[i + 1])
  }
  return undefined
}
