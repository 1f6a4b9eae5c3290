import { addForwarding, forwardedRequestHeaders, responseHeaders } from '../http/forwarding.ts'
import { GatewayError } from '../model/errors.ts'
import type { PendingRequest, RawHeaders, ResponseSink } from '../model/http-message.ts'
import type { Reply } from '../plugins/contract.ts'
import { removeField } from '../support/header-fields.ts'
import type { Logger } from '../support/logger.ts'
import { STATUS_CODES } from '../support/node-http.ts'
import { upstreamStatusHeader } from '../upstream/status-header.ts'
import type { Upstream } from '../upstream/upstream.ts'
import type { AccessLog } from './access-log/access-log.ts'
import { RequestAbortedError, statusOfBodyError } from './buffered-body.ts'
import type { GatewayRequest } from './gateway-request.ts'
import type { BodyPipe } from './plugins/body-pipe.ts'
import type { PlanChain } from './plugins/plan-chain.ts'
import { PluginRun, type PluginRunOwner } from './plugins/plugin-run.ts'
import { encodeReply, errorBody, MutableHead } from './plugins/reply-head.ts'
import type { StatsCollector } from './stats.ts'

/** A node's body that a plugin replaced is read up to here, to keep the connection. */
const MAX_DROPPED_BYTES = 65_536
/** And this long once the client has its answer. */
const MAX_DROPPING_MS = 2_000

/** What all calls of a worker share. */
export interface CallServices {
  readonly stats: StatsCollector
  readonly log: Logger
  /** X-APISIX-Upstream-Status on every response, not only where the last node failed. */
  readonly alwaysShowStatus: boolean
  /** Undefined = none is kept. */
  readonly accessLog?: AccessLog | undefined
}

/**
 * Carries one request through its plugins to an upstream and the response back; backpressure both
 * ways. Without plugins nothing of theirs is touched.
 */
export class ProxyCall implements ResponseSink, PluginRunOwner {
  readonly request: GatewayRequest
  readonly #services: CallServices
  #plugins: PluginRun | undefined
  #pending: PendingRequest | undefined
  #pipe: BodyPipe | undefined
  #trailers: RawHeaders = []
  /** The answer is complete, or nobody is left to hear it. */
  #over = false
  /** What the node sends is read and dropped, since a plugin put another body in place. */
  #dropping = false
  #droppedBytes = 0
  #dropTimer: NodeJS.Timeout | undefined
  /** Where the request was to go when its plugins began: it may be gone when they are done. */
  #upstreamAtStart: Upstream | undefined

  constructor(request: GatewayRequest, services: CallServices) {
    this.request = request
    this.#services = services
    request.exchange.onDrain = () => this.#pending?.resume()
    request.exchange.onClose = (aborted) => this.#close(aborted)
  }

  /** Runs what the chain says, then `proceed`. */
  start(chain: PlanChain): void {
    const current = chain.current
    if (current === undefined) {
      this.proceed()
      return
    }
    if (this.#over) return
    this.#upstreamAtStart = this.request.plan?.upstream.current
    this.#plugins = new PluginRun(chain, current, this, this.#services)
    this.#plugins.start()
  }

  /** No plugin had an answer: the request goes to its node. */
  proceed(): void {
    const { request } = this
    if (this.#over) return
    if (request.plan === undefined) {
      this.answerError(404, 'Route Not Found')
      return
    }
    const upstream =
      request.forwardUpstream === undefined
        ? (request.plan.upstream.current ?? this.#upstreamAtStart)
        : request.forwardUpstream.current
    if (upstream === undefined) this.answerError(503)
    else this.#send(upstream, request)
  }

  #send(upstream: Upstream, request: GatewayRequest): void {
    const { exchange } = request
    const { alwaysShowStatus, accessLog } = this.#services
    request.recording = this.#plugins !== undefined || alwaysShowStatus || accessLog !== undefined
    if (request.recording) request.upstreamRecord.start()
    this.#pending = upstream.send(
      {
        method: request.method,
        path: request.forwardTarget,
        headers: this.#nodeHeaders(request),
        authority: exchange.authority,
        host: request.forwardHost,
        body: request.body,
        context: request,
        attempts: request,
      },
      this,
      request.plan?.timeouts,
    )
  }

  #nodeHeaders(request: GatewayRequest): RawHeaders {
    const { exchange, trusted, remoteAddress } = request
    if (!request.hasOwnHeaders && remoteAddress === exchange.connection.remoteAddress) {
      return forwardedRequestHeaders(exchange, trusted)
    }
    addForwarding(request.headers, exchange, trusted, remoteAddress)
    return request.headers
  }

  onHead(status: number, reason: string, raw: RawHeaders): void {
    const headers = responseHeaders(raw)
    if (status >= 500 || this.#services.alwaysShowStatus) this.#showStatuses(headers)
    if (this.request.recording) this.#noteHead(headers)
    if (this.#plugins === undefined) {
      this.request.exchange.respond(status, reason, headers, contentLength(raw))
      return
    }
    const head = new MutableHead(status, reason, headers, this.#lengthOf(raw), true)
    const pipe = this.#filterHead(head)
    if (pipe === false) {
      // The failure was answered in the node's place.
      this.#dropping = true
      return
    }
    if (head.replacement !== undefined) {
      this.#dropping = true
      this.#answerWhole(head, head.replacement, pipe)
      return
    }
    this.#pipe = pipe
    this.#respond(head, pipe)
  }

  /** A plugin that made a HEAD of the client's method gets a head without the body it announces. */
  #lengthOf(raw: RawHeaders): number | undefined {
    const { method, exchange } = this.request
    return method === 'HEAD' && exchange.method !== 'HEAD' ? 0 : contentLength(raw)
  }

  #noteHead(headers: RawHeaders): void {
    this.request.upstreamRecord.noteHead()
    this.request.answeredByNode = true
    this.request.responseHeaders = headers
  }

  onData(chunk: Buffer): boolean {
    if (this.request.recording) this.request.upstreamRecord.bytesReceived += chunk.length
    if (this.#dropping) return this.#drop(chunk)
    return this.#pipe === undefined ? this.request.exchange.write(chunk) : this.#pipe.push(chunk)
  }

  onEnd(trailers: RawHeaders): void {
    if (this.request.recording) this.request.upstreamRecord.noteEnd()
    this.#pending = undefined
    if (this.#dropping) {
      clearTimeout(this.#dropTimer)
      return
    }
    this.#over = true
    if (this.#pipe === undefined) {
      this.request.exchange.end(trailers)
      return
    }
    this.#trailers = trailers
    this.#pipe.end()
  }

  onError(error: Error): void {
    this.#pending = undefined
    const code = error instanceof GatewayError ? error.code : 'GW_UPSTREAM_RESET'
    this.#services.stats.countUpstreamError(code)
    if (this.#dropping) {
      clearTimeout(this.#dropTimer)
      return
    }
    if (this.request.recording) this.request.upstreamRecord.noteEnd()
    // A response under way can't be taken back: cut it, so that it isn't taken for a whole one.
    if (this.request.exchange.responded) this.#cut()
    else this.#answerFailure(error.cause, STATUS_OF[code] ?? 502)
  }

  /** A plugin's reply. `body` is what goes out of it. */
  answer(reply: Reply, body: unknown): void {
    const { headers, bytes } = encodeReply(reply, body)
    if (this.request.recording || reply.status >= 500) this.#showStatuses(headers)
    this.#answerSelf(new MutableHead(reply.status, '', headers, bytes.length, false), bytes)
  }

  /** The gateway's own word, in APISIX's shape; nothing internal shows. */
  answerError(status: number, message = STATUS_CODES[status] ?? 'Error'): void {
    const headers = status === 503 ? { 'retry-after': '1' } : {}
    this.answer({ status, headers }, errorBody(status, message))
  }

  /** A plugin failed while the request was on its way in, or asked for more than there may be. */
  failed(error: unknown): void {
    if (error instanceof RequestAbortedError) this.#cut()
    else if (this.request.exchange.responded) this.#cut()
    else this.#answerFailure(error, 500)
  }

  /** What became of the client's body says more than that it is missing. */
  #answerFailure(error: unknown, otherwise: number): void {
    const status = statusOfBodyError(error)
    if (status === 503) this.#services.stats.countShed('body-memory')
    this.answerError(status ?? otherwise)
  }

  #answerSelf(head: MutableHead, bytes: Buffer): void {
    const pipe = this.#filterHead(head)
    if (pipe !== false) this.#answerWhole(head, head.replacement ?? bytes, pipe)
  }

  /** Undefined = no filter wants the body; false = a plugin failed, and the failure was answered. */
  #filterHead(head: MutableHead): BodyPipe | undefined | false {
    this.request.responseHeaders = head.headers
    if (this.#plugins === undefined) return undefined
    this.request.responseHead = head
    const { exchange } = this.request
    return this.#plugins.filterResponse(head, {
      write: (chunk) => exchange.write(chunk),
      end: () => exchange.end(this.#trailers),
      resume: () => this.#pending?.resume(),
      fail: () => this.#cut(),
    })
  }

  #answerWhole(head: MutableHead, bytes: Buffer, pipe: BodyPipe | undefined): void {
    this.#over = true
    const { exchange } = this.request
    if (pipe === undefined) {
      removeField(head.headers, 'content-length')
      exchange.reply(head.status, head.headers, bytes)
      return
    }
    this.#pipe = pipe
    this.#respond(head, pipe)
    if (bytes.length > 0) pipe.push(bytes)
    pipe.end()
  }

  #respond(head: MutableHead, pipe: BodyPipe | undefined): void {
    const length = pipe === undefined || pipe.keepsLength ? head.bodyLength : undefined
    removeField(head.headers, 'content-length')
    if (length !== undefined) head.headers.push('content-length', String(length))
    this.request.exchange.respond(head.status, head.reason, head.headers, length)
  }

  #showStatuses(headers: RawHeaders): void {
    const { statuses } = this.request.upstream
    const value = upstreamStatusHeader(statuses, this.#services.alwaysShowStatus)
    if (value !== undefined) headers.push('X-APISIX-Upstream-Status', value)
  }

  #drop(chunk: Buffer): boolean {
    this.#droppedBytes += chunk.length
    if (this.#droppedBytes <= MAX_DROPPED_BYTES) return true
    this.#stopDropping()
    return false
  }

  #stopDropping(): void {
    clearTimeout(this.#dropTimer)
    this.#pending?.abort()
    this.#pending = undefined
  }

  #cut(): void {
    this.#over = true
    this.request.exchange.abort()
  }

  #close(aborted: boolean): void {
    this.request.release()
    const { status, bytesSent } = this.request.exchange
    this.#services.stats.countRequest(status === 0 ? CLIENT_CLOSED_REQUEST : status, bytesSent)
    if (aborted) {
      this.#pending?.abort()
      this.#pipe?.stop()
    } else if (this.#pending !== undefined) {
      this.#dropTimer = setTimeout(() => this.#stopDropping(), MAX_DROPPING_MS).unref()
    }
    this.#over = true
    this.#plugins?.finish()
    this.#services.accessLog?.(this.request)
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
