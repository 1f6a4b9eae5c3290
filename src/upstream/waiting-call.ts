import { UpstreamError } from '../model/errors.ts'
import type { PendingRequest, ResponseSink } from '../model/http-message.ts'

/** A request that waits for the first answer about its upstream's names, then goes on. */
export class WaitingCall implements PendingRequest {
  readonly #sink: ResponseSink
  readonly #onOver: (call: WaitingCall) => void
  readonly #begin: () => PendingRequest
  readonly #timer: NodeJS.Timeout
  #pending: PendingRequest | undefined
  #over = false

  /** `begin` sends the request; `onOver` is called once, when the call waits no longer. */
  constructor(
    sink: ResponseSink,
    timeoutMs: number,
    begin: () => PendingRequest,
    onOver: (call: WaitingCall) => void,
  ) {
    this.#sink = sink
    this.#begin = begin
    this.#onOver = onOver
    this.#timer = setTimeout(() => this.#giveUp(), timeoutMs)
  }

  /** The answer is there, or will not come. */
  proceed(): void {
    if (!this.#finish()) return
    this.#pending = this.#begin()
  }

  resume(): void {
    this.#pending?.resume()
  }

  abort(): void {
    this.#finish()
    this.#pending?.abort()
  }

  #giveUp(): void {
    if (!this.#finish()) return
    const message = "the upstream's names were not resolved in time"
    this.#sink.onError(new UpstreamError('GW_UPSTREAM_NO_NODE', message, { safeToRetry: true }))
  }

  #finish(): boolean {
    if (this.#over) return false
    this.#over = true
    clearTimeout(this.#timer)
    this.#onOver(this)
    return true
  }
}
