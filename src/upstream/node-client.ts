import { UpstreamError } from '../model/errors.ts'
import type { RawHeaders, ResponseSink } from '../model/http-message.ts'
import { FailedCall } from './failed-call.ts'
import { type CallOwner, NodeCall } from './node-call.ts'
import { NodeConnection } from './node-connection.ts'
import { NodeLoad } from './node-load.ts'
import { addressOf, type NodeOrigin } from './node-origin.ts'
import { nodeHeaders } from './request-headers.ts'
import type { Timeouts } from './timeouts.ts'
import type { UploadBody } from './upload-body.ts'

/** One request as a node gets it. */
export interface NodeRequest {
  readonly method: string
  /** Path and query, as they go on the wire. */
  readonly path: string
  /** Value of the Host field. */
  readonly host: string
  /** The other fields; framing and connection fields are ignored. */
  readonly headers: RawHeaders
  readonly body: UploadBody | undefined
}

export interface NodeClientOptions {
  /** Requests under way at once. Beyond it a request fails at once: no queue grows without bound. */
  readonly maxConnections?: number
  readonly idleMs?: number
  /** Idle connections that are kept; beyond, a connection closes after its request. */
  readonly maxIdle?: number
  /** Requests that one connection may carry. */
  readonly maxRequests?: number
  readonly maxHeaderBytes?: number
}

const DEFAULTS = {
  maxConnections: 4096,
  idleMs: 55_000,
  maxIdle: Number.POSITIVE_INFINITY,
  maxRequests: Number.POSITIVE_INFINITY,
  maxHeaderBytes: 32 * 1024,
}
const OPTION_NAMES = Object.keys(DEFAULTS) as (keyof NodeClientOptions)[]

/** With defaults: clients that get the same complete options share them. */
export function completeOptions(options: NodeClientOptions): Required<NodeClientOptions> {
  return { ...DEFAULTS, ...options }
}

function isComplete(options: NodeClientOptions): options is Required<NodeClientOptions> {
  return OPTION_NAMES.every((name) => options[name] !== undefined)
}

/** Connections to one node. The one used last is used next, so that surplus ones grow old and close. */
export class NodeClient implements CallOwner {
  readonly address: string
  readonly origin: NodeOrigin
  /** What its pool finds it by. */
  readonly key: string
  /** Shared with other clients of the same node. */
  readonly load: NodeLoad
  readonly #options: Required<NodeClientOptions>
  readonly #idle: NodeConnection[] = []
  #busy = 0
  #stopped = false

  constructor(
    origin: NodeOrigin,
    options: NodeClientOptions = {},
    load = new NodeLoad(),
    key = '',
  ) {
    this.origin = origin
    this.key = key
    this.load = load
    this.address = addressOf(origin)
    this.#options = isComplete(options) ? options : completeOptions(options)
  }

  get idleConnections(): number {
    return this.#idle.length
  }

  get busyConnections(): number {
    return this.#busy
  }

  /** Sends a request; `fresh` = not on a connection that was used before. */
  send(
    request: NodeRequest,
    timeouts: Timeouts,
    sink: ResponseSink,
    fresh = false,
  ): NodeCall | FailedCall {
    const { method, path, host, headers, body } = request
    if (this.#busy >= this.#options.maxConnections) return new FailedCall(sink, this.#tooBusy())
    const connection = (fresh ? undefined : this.#idle.pop()) ?? this.#createConnection()
    connection.connectMs = timeouts.connectMs
    this.#busy++
    this.load.active++
    const call = new NodeCall(this, connection, method === 'HEAD', body, timeouts, sink)
    const whole = body?.whole
    call.dispatch({
      method,
      path,
      headers: nodeHeaders(headers, host, whole === undefined ? body?.length : undefined),
      body: whole ?? (body?.open() as never) ?? null,
      headersTimeout: timeouts.readMs,
      bodyTimeout: timeouts.readMs,
      // Fixed: with a servername that follows the Host field undici would connect anew for each.
      servername: this.origin.servername ?? this.origin.host,
    } as never)
    return call
  }

  release(connection: NodeConnection, reusable: boolean): void {
    this.#busy--
    this.load.active--
    if (reusable && this.#hasRoomFor(connection)) this.#idle.push(connection)
    else if (reusable) connection.close()
    // Later: undici is in the middle of telling us about this very connection.
    else queueMicrotask(() => connection.destroy())
  }

  /** Closes idle connections at once and the others when their requests are complete. */
  stop(): void {
    this.#stopped = true
    for (const connection of this.#idle.splice(0)) connection.close()
  }

  #hasRoomFor({ answered }: NodeConnection): boolean {
    const { maxIdle, maxRequests } = this.#options
    return !this.#stopped && this.#idle.length < maxIdle && answered < maxRequests
  }

  #createConnection(): NodeConnection {
    return new NodeConnection(this.origin, this.#options, (connection) => {
      const at = this.#idle.indexOf(connection)
      if (at !== -1) this.#idle.splice(at, 1)
    })
  }

  #tooBusy(): UpstreamError {
    const message = `${this.address} has ${this.#options.maxConnections} requests under way`
    return new UpstreamError('GW_UPSTREAM_NO_NODE', message, { safeToRetry: true })
  }
}
