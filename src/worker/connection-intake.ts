import type { Socket } from 'node:net'
import { MAX_HAND_OVER_MS, type PrimaryMessage, type WorkerMessage } from '../model/ipc.ts'
import { monotonicMs } from '../support/monotonic.ts'

/** A pause this long between the acknowledgement and the taking says that we were stopped there. */
const MAX_PAUSE_MS = 100

interface Arrived {
  id: number
  /** Node gives no handle when the client was gone before the message arrived. */
  socket: Socket | undefined
  sentAtMs: number
  /** In the primary, before it was sent. */
  waitedMs: number
}

type Announced = Extract<PrimaryMessage, { type: 'connection' }>

/**
 * Takes the connections that the primary hands over: all that arrived in one turn of the event loop
 * are acknowledged together, before any is read from. One that was long on its way, because this
 * process was stalled, may have been given to another worker: it waits, untouched, for the answer.
 */
export class ConnectionIntake {
  readonly #take: (socket: Socket) => void
  readonly #send: (message: WorkerMessage) => void
  readonly #noteDelay: (ms: number) => void
  readonly #late = new Map<number, Socket>()
  #arrived: Arrived[] = []

  constructor(
    take: (socket: Socket) => void,
    send: (message: WorkerMessage) => void,
    noteDelay: (ms: number) => void,
  ) {
    this.#take = take
    this.#send = send
    this.#noteDelay = noteDelay
  }

  receive(socket: Socket | undefined, { id, sentAtMs, waitedMs = 0 }: Announced): void {
    // An error before the engine listens for it would end the process.
    socket?.on('error', ignore)
    if (this.#arrived.push({ id, socket, sentAtMs, waitedMs }) === 1)
      setImmediate(() => this.#settle())
  }

  /** Says, once they have been accepted, that all connections up to this one have arrived or never will. */
  settle(upTo: number): void {
    setImmediate(() => this.#send({ type: 'settled', upTo }))
  }

  /** The primary says which of the late ones are ours. */
  settleLate({ granted, refused }: { granted: readonly number[]; refused: readonly number[] }) {
    for (const id of granted) this.#settleOne(id, this.#take)
    // Closes our handle only.
    for (const id of refused) this.#settleOne(id, (socket) => socket.destroy())
  }

  #settleOne(id: number, settle: (socket: Socket) => void): void {
    const socket = this.#late.get(id)
    this.#late.delete(id)
    if (socket !== undefined) settle(socket)
  }

  #settle(): void {
    const arrived = this.#arrived
    this.#arrived = []
    const now = monotonicMs()
    const isLate = ({ sentAtMs }: Arrived) => now - sentAtMs > MAX_HAND_OVER_MS
    const late = arrived.filter(isLate)
    this.#send({ type: 'accepted', ids: arrived.map(idOf), late: late.map(idOf) })
    // In the order sent: the first has waited longest.
    const [first] = arrived
    if (first !== undefined) this.#noteDelay(now - first.sentAtMs + first.waitedMs)
    const stopped = monotonicMs() - now > MAX_PAUSE_MS
    for (const entry of arrived) {
      const { id, socket } = entry
      if (socket === undefined) continue
      if (isLate(entry)) this.#late.set(id, socket)
      // It may have been taken from us in that pause, after we decided; nobody would tell.
      else if (stopped) socket.destroy()
      else this.#take(socket)
    }
  }
}

function idOf({ id }: Arrived): number {
  return id
}

function ignore(): void {}
