import type { ConnectionEngine } from './connection-engine.ts'

/** Until when a client has to send what its connection waits for; looked at once per tick. */
export class ReadDeadline {
  readonly #engine: ConnectionEngine
  /** A tick of the engine. */
  #at: number

  /** A connection begins by waiting for a head. */
  constructor(engine: ConnectionEngine) {
    this.#engine = engine
    this.#at = engine.deadline(engine.limits.headerTimeoutMs)
  }

  get hasPassed(): boolean {
    return this.#engine.now >= this.#at
  }

  /** Nothing is waited for. */
  clear(): void {
    this.#at = Number.POSITIVE_INFINITY
  }

  /** For a whole head, its first byte has come. */
  setForHead(): void {
    this.#at = this.#engine.deadline(this.#engine.limits.headerTimeoutMs)
  }

  /** For the next piece of a body. */
  setForBody(): void {
    this.#at = this.#engine.deadline(this.#engine.limits.bodyTimeoutMs)
  }

  /** For the first byte of another request. */
  setForRequest(): void {
    const { draining, limits } = this.#engine
    this.#at = this.#engine.deadline(draining ? limits.drainGraceMs : limits.keepAliveTimeoutMs)
  }

  /** For a sign that a client which has shut its side is still there. */
  setForSign(): void {
    this.#at = this.#engine.deadline(this.#engine.limits.halfCloseTimeoutMs)
  }

  /** For the end, from a client to which our side is shut. */
  setForEnd(): void {
    this.#at = this.#engine.deadline(this.#engine.limits.lingerTimeoutMs)
  }

  /** A drain does not wait for a request longer than one may be on the wire. */
  hurry(): void {
    this.#at = Math.min(this.#at, this.#engine.deadline(this.#engine.limits.drainGraceMs))
  }

  /** Whether another request has been waited for longer than one may be on the wire. */
  get isStale(): boolean {
    const engine = this.#engine
    const { drainGraceMs, keepAliveTimeoutMs } = engine.limits
    const idleTicks = engine.deadline(keepAliveTimeoutMs) - this.#at
    return idleTicks >= engine.deadline(drainGraceMs) - engine.now
  }
}
