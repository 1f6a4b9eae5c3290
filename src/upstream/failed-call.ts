import type { UpstreamError } from '../model/errors.ts'
import type { PendingRequest, ResponseSink } from '../model/http-message.ts'

/** A request that failed before it began. The sink hears of it later, as of any other failure. */
export class FailedCall implements PendingRequest {
  readonly onReusedConnection = false
  #aborted = false

  constructor(sink: ResponseSink, error: UpstreamError) {
    queueMicrotask(() => {
      if (!this.#aborted) sink.onError(error)
    })
  }

  resume(): void {}

  abort(): void {
    this.#aborted = true
  }
}
