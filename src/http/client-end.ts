import type { Socket } from 'node:net'

const NOTHING = Buffer.alloc(0)

/** The end of what a client sends. It does not say whether the client has left, or only sends no more. */
export class ClientEnd {
  readonly #socket: Socket
  /** What had been written to the client by then; -1: it has not come. */
  #written = -1

  constructor(socket: Socket) {
    this.#socket = socket
  }

  get hasCome(): boolean {
    return this.#written >= 0
  }

  note(): void {
    this.#written = this.#socket.bytesWritten
  }

  /**
   * For a client that had its time since. One that was sent something meanwhile would have answered
   * with a reset, if it had left. libuv no longer polls a connection whose end it has read: only a
   * write, be it of nothing, brings a reset to light. The socket then closes.
   */
  meansLeft(): boolean {
    if (this.#socket.bytesWritten === this.#written) return true
    this.#socket.write(NOTHING)
    return false
  }
}
