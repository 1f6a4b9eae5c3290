import type { Socket } from 'node:net'
import type { ConnectionEngine } from './connection-engine.ts'

/** The stream handle below a socket. Not public, but the only place that knows of partial writes. */
interface StreamHandle {
  bytesWritten?: number
  writeQueueSize?: number
  /** Of a TLS stream: the handle of the socket that carries it. */
  _parent?: StreamHandle
}

/** Watches whether a slow client takes anything at all of what waits for it. */
export class SendProgress {
  readonly #socket: Socket
  #taken = -1
  #deadline = 0

  constructor(socket: Socket) {
    this.#socket = socket
  }

  clear(): void {
    this.#taken = -1
  }

  /** Called at every tick while something waits; true after `sendTimeoutMs` without a byte taken. */
  isStalled(engine: ConnectionEngine): boolean {
    const taken = this.#takenBytes()
    if (taken !== this.#taken) {
      this.#taken = taken
      this.#deadline = engine.deadline(engine.limits.sendTimeoutMs)
      return false
    }
    return engine.now >= this.#deadline
  }

  /**
   * Bytes the kernel has taken. Without the handle's counters only completed writes show, and one
   * large write to a slow client would look stalled.
   */
  #takenBytes(): number {
    const own = (this.#socket as { _handle?: StreamHandle | null })._handle
    const handle = own?._parent ?? own
    if (handle?.bytesWritten === undefined) return -this.#socket.writableLength
    return handle.bytesWritten - (handle.writeQueueSize ?? 0)
  }
}
