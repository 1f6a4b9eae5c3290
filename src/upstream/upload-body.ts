import type { BodySink, BodySource } from '../model/http-message.ts'
import { type UploadFeed, UploadStream } from './upload-stream.ts'

/** How much of a body is held while no node takes it (faults.md, section 3). */
const MAX_HELD_BYTES = 64 * 1024

/**
 * The body of one request on its way to a node. What arrives before a node takes it is held, up
 * to 64 KiB; a body that is complete by then is sent in one write and can be sent again.
 */
export class UploadBody implements BodySink, UploadFeed {
  readonly length: number | undefined
  /** Why the sender cut the body short. */
  failure: Error | undefined
  /** Called when the node has taken nothing for `stallMs`. */
  onStall: (() => void) | undefined
  stallMs = 0

  readonly #source: BodySource
  #held: Buffer[] = []
  #heldBytes = 0
  #whole: Buffer | undefined
  #ended = false
  #started = false
  #sourcePaused = false
  #discarding = false
  #stream: UploadStream | undefined
  #stallTimer: NodeJS.Timeout | undefined

  /** Starts the source: what has already arrived is collected before this returns. */
  constructor(source: BodySource) {
    this.#source = source
    this.length = source.length
    source.start(this)
  }

  /** True once a byte of a body that is not whole has gone to a node: it can't be sent again. */
  get started(): boolean {
    return this.#started
  }

  /** The complete body, if all of it was here before any of it was sent. */
  get whole(): Buffer | undefined {
    if (!this.#ended || this.#started) return undefined
    this.#whole ??= this.#held.length === 1 ? this.#held[0] : Buffer.concat(this.#held)
    return this.#whole
  }

  /** A stream over the body for one attempt. */
  open(): UploadStream {
    const stream = new UploadStream(this)
    this.#stream = stream
    return stream
  }

  /** Nobody wants the rest: lets it flow into nothing, so that the sender can finish. */
  discard(): void {
    this.#discarding = true
    this.#held = []
    this.#stream = undefined
    this.#stopStallTimer()
    this.#resumeSource()
  }

  onData(chunk: Buffer): boolean {
    if (this.#discarding) return true
    const stream = this.#stream
    if (stream?.flowing && this.#held.length === 0) {
      this.#started = true
      this.#sourcePaused = !stream.write(chunk)
    } else {
      this.#held.push(chunk)
      this.#heldBytes += chunk.length
      this.#sourcePaused = this.#heldBytes >= MAX_HELD_BYTES
    }
    return !this.#sourcePaused
  }

  onEnd(): void {
    this.#ended = true
    if (this.#stream?.flowing && this.#held.length === 0) this.#stream.end()
  }

  onError(error: Error): void {
    this.failure = error
    this.#stream?.fail(error)
  }

  flow(stream: UploadStream): void {
    if (stream !== this.#stream) return
    this.#stopStallTimer()
    if (this.failure !== undefined) {
      stream.fail(this.failure)
      return
    }
    this.#sendHeld(stream)
    if (!stream.flowing) return
    if (this.#ended) stream.end()
    else this.#resumeSource()
  }

  hold(stream: UploadStream): void {
    if (stream !== this.#stream) return
    this.#stopStallTimer()
    if (stream.destroyed || this.stallMs === 0) return
    this.#stallTimer = setTimeout(() => this.onStall?.(), this.stallMs)
  }

  #sendHeld(stream: UploadStream): void {
    while (stream.flowing) {
      const chunk = this.#held.shift()
      if (chunk === undefined) return
      this.#started = true
      this.#heldBytes -= chunk.length
      stream.write(chunk)
    }
  }

  #resumeSource(): void {
    if (!this.#sourcePaused) return
    this.#sourcePaused = false
    this.#source.resume()
  }

  #stopStallTimer(): void {
    clearTimeout(this.#stallTimer)
    this.#stallTimer = undefined
  }
}
