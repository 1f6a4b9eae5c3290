import type { Socket } from 'node:net'
import { MAX_HAND_OVER_MS, type WorkerMessage } from '../model/ipc.ts'
import { monotonicMs } from '../support/monotonic.ts'

/** A pause this long between the acknowledgement and the taking says that we were stopped there. */
const MAX_PAUSE_MS = 100

interface Arrived {
  /** Node gives no handle when the client was gone before the message arrived. */
  socket: Socket | undefined
  sentAtMs: number
}

/**
 * Takes the connections that the primary hands over: all that arrived in one turn of the event loop
 * are acknowledged together, before any is read from. One that was long on its way, because this
 * process was stalled, may have been given to another worker: it is returned untouched.
 */
export class ConnectionIntake {
  readonly #take: (socket: Socket) => void
  readonly #send: (message: WorkerMessage) => void
  #arrived: Arrived[] = []

  constructor(take: (socket: Socket) => void, send: (message: WorkerMessage) => void) {
    this.#take = take
    this.#send = send
  }

  receive(socket: Socket | undefined, sentAtMs: number): void {
    // An error before the engine listens for it would end the process.
    socket?.on('error', ignore)
    if (this.#arrived.push({ socket, sentAtMs }) === 1) setImmediate(() => this.#settle())
  }

  #settle(): void {
    const arrived = this.#arrived
    this.#arrived = []
    const now = monotonicMs()
    const returned: number[] = []
    for (const [index, { sentAtMs }] of arrived.entries()) {
      if (now - sentAtMs > MAX_HAND_OVER_MS) returned.push(index)
    }
    const late = new Set(returned)
    this.#send({ type: 'accepted', count: arrived.length, ...(late.size > 0 && { returned }) })
    const stopped = monotonicMs() - now > MAX_PAUSE_MS
    for (const [index, { socket }] of arrived.entries()) {
      if (socket === undefined) continue
      // Closes our handle only.
      if (stopped || late.has(index)) socket.destroy()
      else this.#take(socket)
    }
  }
}

function ignore(): void {}
