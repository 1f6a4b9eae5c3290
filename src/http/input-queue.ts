import type { Socket } from 'node:net'

/**
 * Bytes of a socket that can not be used yet: at most one read. While any wait the socket is
 * paused, so that the client waits too.
 */
export class InputQueue {
  /** Undefined when nothing waits. */
  bytes: Buffer | undefined = undefined
  /** Of the first byte in `bytes` that was not used. */
  position = 0
  readonly #socket: Socket
  #paused = false

  constructor(socket: Socket) {
    this.#socket = socket
  }

  put(chunk: Buffer): void {
    // A paused socket may still hand over what it had read before.
    const waiting = this.bytes?.subarray(this.position)
    this.bytes = waiting === undefined ? chunk : Buffer.concat([waiting, chunk])
    this.position = 0
  }

  /** Everything before `position` was used. */
  advance(position: number): void {
    this.position = position
    if (this.bytes !== undefined && position >= this.bytes.length) this.bytes = undefined
  }

  /** Pauses the socket while bytes wait, and only then. */
  regulate(): void {
    const mustPause = this.bytes !== undefined
    if (mustPause === this.#paused) return
    this.#paused = mustPause
    if (mustPause) this.#socket.pause()
    else this.#socket.resume()
  }

  clear(): void {
    this.bytes = undefined
    this.regulate()
  }
}
