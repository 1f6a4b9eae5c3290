import type { Dispatcher } from 'undici'
import { UpstreamError } from '../model/errors.ts'
import type { PendingRequest, ResponseSink } from '../model/http-message.ts'
import { toUpstreamError } from './failure.ts'
import type { NodeConnection } from './node-connection.ts'
import { type NodeResponse, readFields, readResponse } from './response-head.ts'
import type { Timeouts } from './timeouts.ts'
import type { UploadBody } from './upload-body.ts'

/** A node that sends more than this many 1xx heads before its answer is not answering. */
const MAX_INFORMATIONAL = 64

/** What a call needs of the client that owns its connection. */
export interface CallOwner {
  /** `host:port`, for messages. */
  readonly address: string
  /** The call is over; the connection may take the next one if `reusable`. */
  release(connection: NodeConnection, reusable: boolean): void
}

/**
 * One request on one connection: undici's handler and the caller's handle in one object.
 *
 * States: waiting (no byte sent) → sent → answered (head delivered) → over.
 */
export class NodeCall implements PendingRequest, Dispatcher.DispatchHandler {
  #state: 'waiting' | 'sent' | 'answered' | 'over' = 'waiting'
  #controller: Dispatcher.DispatchController | undefined
  #response: NodeResponse | undefined
  #informational = 0
  #informedAt = 0
  #dispatching = true
  readonly #owner: CallOwner
  readonly #connection: NodeConnection
  readonly #isHead: boolean
  readonly #body: UploadBody | undefined
  readonly #readMs: number
  readonly #sink: ResponseSink

  constructor(
    owner: CallOwner,
    connection: NodeConnection,
    isHead: boolean,
    body: UploadBody | undefined,
    timeouts: Timeouts,
    sink: ResponseSink,
  ) {
    this.#owner = owner
    this.#connection = connection
    this.#isHead = isHead
    this.#body = body
    this.#readMs = timeouts.readMs
    this.#sink = sink
    if (body !== undefined && body.whole === undefined) {
      body.stallMs = timeouts.sendMs
      body.onStall = () => this.#cut(this.#timeout('did not read the request body in time'))
    }
  }

  /** Starts the call. Whatever goes wrong is told to the sink, and not before this returns. */
  dispatch(options: Dispatcher.DispatchOptions): void {
    this.#connection.dispatch(options, this)
    this.#dispatching = false
  }

  /** True if the connection had served before: it may have been closed under our hands. */
  get onReusedConnection(): boolean {
    return this.#connection.answered > 0
  }

  resume(): void {
    // Not at once: the caller may be inside a callback of undici's parser, which can't be re-entered.
    queueMicrotask(() => this.#controller?.resume())
  }

  abort(): void {
    if (this.#state === 'over') return
    this.#finish(false)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#state === 'over') controller.abort(new Error('aborted'))
    else this.#state = 'sent'
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    _headers: unknown,
    reason?: string,
  ): void {
    if (this.#state === 'over') return
    if (status < 200) {
      this.#passOver(status)
      return
    }
    const response = readResponse(status, controller.rawHeaders, this.#isHead)
    if (response === undefined) {
      this.#cut(this.#protocolError('sent a response whose framing is in doubt'))
      return
    }
    this.#response = response
    this.#state = 'answered'
    this.#sink.onHead(status, reasonOf(reason), response.headers)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    // undici starts again after a pause with an empty chunk; pausing on that would never end.
    if (this.#state === 'over' || chunk.length === 0) return
    if (!this.#sink.onData(chunk)) controller.pause()
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    if (this.#state === 'over') return
    // undici takes a reset for the end of a body that only the end delimits.
    if (this.#response?.endsWithConnection && this.#connection.failed) {
      this.#fail(new Error('reset before the end of the response'))
      return
    }
    const trailers = readFields(controller.rawTrailers)
    this.#finish(true)
    try {
      this.#sink.onEnd(trailers)
    } catch (error) {
      // undici would report it to us as a failure of the response, which is over: lost for good.
      queueMicrotask(() => {
        throw error
      })
    }
  }

  onResponseError(_controller: unknown, error: Error): void {
    if (this.#state === 'over') return
    if (this.#dispatching) queueMicrotask(() => this.#fail(error))
    else this.#fail(error)
  }

  #passOver(status: number): void {
    if (++this.#informational === 1) this.#informedAt = performance.now()
    if (status === 101) this.#cut(this.#protocolError('switched protocols unasked'))
    else if (this.#informational > MAX_INFORMATIONAL) {
      this.#cut(this.#protocolError('sent nothing but informational responses'))
    } else if (performance.now() - this.#informedAt > this.#readMs) {
      // Each 1xx starts undici's timer again; a drip of them must not keep the request for ever.
      this.#cut(this.#timeout('did not answer in time'))
    }
  }

  /** Gives up on the node for a reason of our own. */
  #cut(error: UpstreamError): void {
    if (this.#state !== 'over') this.#fail(error)
  }

  #fail(error: Error): void {
    if (this.#state === 'over') return
    const { sent, failure } = this.#progress()
    const upstreamError = toUpstreamError(failure ?? error, this.#owner.address, { sent })
    this.#finish(false)
    this.#sink.onError(upstreamError)
  }

  #progress(): { sent: boolean; failure: UpstreamError | undefined } {
    const body = this.#body
    // undici writes the head of a streamed request together with the first byte of the body.
    const streaming = body !== undefined && body.whole === undefined
    const sent = this.#state !== 'waiting' && (!streaming || body.started)
    if (body?.failure === undefined) return { sent, failure: undefined }
    const options = { cause: body.failure, safeToRetry: false }
    const message = 'the request body was cut short'
    return { sent, failure: new UpstreamError('GW_UPSTREAM_RESET', message, options) }
  }

  #finish(complete: boolean): void {
    this.#state = 'over'
    if (this.#body !== undefined) this.#body.onStall = undefined
    if (complete) {
      this.#connection.answered++
      this.#controller = undefined
    }
    // undici closes every connection that a HEAD went over: some servers send a body after all.
    this.#owner.release(
      this.#connection,
      complete && this.#response?.keepAlive === true && !this.#isHead,
    )
  }

  #timeout(what: string): UpstreamError {
    const safeToRetry = !this.#progress().sent
    return new UpstreamError('GW_UPSTREAM_TIMEOUT', `${this.#owner.address} ${what}`, {
      safeToRetry,
    })
  }

  #protocolError(what: string): UpstreamError {
    const message = `${this.#owner.address} ${what}`
    return new UpstreamError('GW_UPSTREAM_PROTOCOL', message, { safeToRetry: false })
  }
}

/** undici reads reasons as UTF-8; one that is not, or not for the wire, is left out. */
function reasonOf(text: string | undefined): string {
  return text === undefined || /[^\t\x20-\xff]/.test(text) ? '' : text
}
