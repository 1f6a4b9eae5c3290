import { EventEmitter } from 'node:events'

/** What an upload stream draws from. */
export interface UploadFeed {
  /** The node wants bytes, now or again. */
  flow(stream: UploadStream): void
  /** The node is slow. */
  hold(stream: UploadStream): void
}

/**
 * A request body as undici wants it: the few parts of a Readable that its HTTP/1.1 writer uses
 * (`pipe` is only looked at), without a Readable's own buffering. One per attempt.
 */
export class UploadStream extends EventEmitter {
  flowing = false
  destroyed = false
  /** undici looks here to learn whether it must clean up; it need not. */
  readonly _readableState = { autoDestroy: true, objectMode: false, ended: false, length: 0 }
  readonly #feed: UploadFeed

  constructor(feed: UploadFeed) {
    super()
    this.#feed = feed
  }

  /** Passes a chunk on. Returns false once the node's connection is full. */
  write(chunk: Buffer): boolean {
    this.emit('data', chunk)
    return this.flowing
  }

  end(): void {
    if (!this.destroyed) this.emit('end')
  }

  fail(error: Error): void {
    // Without a listener the request is over already, and an EventEmitter would throw.
    if (!this.destroyed && this.listenerCount('error') > 0) this.emit('error', error)
  }

  pause(): this {
    this.flowing = false
    this.#feed.hold(this)
    return this
  }

  resume(): this {
    if (this.flowing || this.destroyed) return this
    this.flowing = true
    // Later, as in a Readable: undici is still about to attach listeners that `end` must find.
    queueMicrotask(() => {
      if (this.flowing && !this.destroyed) this.#feed.flow(this)
    })
    return this
  }

  /** undici is done with the stream; an error is passed on to its own listeners, as a Readable does. */
  destroy(error?: Error): this {
    if (this.destroyed) return this
    this.flowing = false
    this.destroyed = true
    this.#feed.hold(this)
    queueMicrotask(() => {
      if (error !== undefined && this.listenerCount('error') > 0) this.emit('error', error)
      this.emit('close')
    })
    return this
  }

  pipe(): never {
    throw new Error('an upload stream is read by its events')
  }
}
