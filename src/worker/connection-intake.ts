import type { Socket } from 'node:net'
import { MAX_HAND_OVER_MS, type PrimaryMessage, type WorkerMessage } from '../model/ipc.ts'
import { monotonicMs } from '../support/monotonic.ts'

interface Arrived {
  id: number
  /** Node gives no handle when the client was gone before the message arrived. */
  socket: Socket | undefined
  sentAtMs: number
  /** In the primary, before it was sent. */
  waitedMs: number
}

type Announced = Extract<PrimaryMessage, { type: 'connection' }>

interface Readable {
  readStart(): void
  readStop(): void
}

/**
 * Takes the connections that the primary hands over: all that arrived in one turn of the event loop
 * are acknowledged together, before any is read from. One that was long on its way, because this
 * process was stalled, may have been given to another worker: it waits, untouched, for the answer.
 * None is ever closed on suspicion.
 */
export class ConnectionIntake {
  readonly #take: (socket: Socket) => void
  readonly #send: (message: WorkerMessage) => void
  readonly #noteDelay: (ms: number) => void
  readonly #late = new Map<number, Socket>()
  #arrived: Arrived[] = []
  /** For who waits until there are no late ones. */
  #onSettled: (() => void) | undefined

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
    for (const id of granted) {
      this.#settleOne(id, (socket) => {
        handleOf(socket)?.readStart()
        this.#take(socket)
      })
    }
    // Closes our handle only.
    for (const id of refused) this.#settleOne(id, (socket) => socket.destroy())
    if (this.#late.size === 0) this.#onSettled?.()
  }

  /** Resolves when none waits for an answer any more. */
  whenSettled(): Promise<void> {
    if (this.#late.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#onSettled = resolve
    })
  }

  /** There is nobody left to answer. */
  abandon(): void {
    this.settleLate({ granted: [], refused: [...this.#late.keys()] })
  }

  #settleOne(id: number, settle: (socket: Socket) => void): void {
    const socket = this.#late.get(id)
    this.#late.delete(id)
    if (socket !== undefined) settle(socket)
  }

  #settle(): void {
    const arrived = this.#arrived
    this.#arrived = []
    this.#send({ type: 'accepted', ids: arrived.map(idOf), late: [] })
    // Not earlier: a busy machine stops us anywhere, most of all where a message wakes the primary.
    // What is young now was not taken from us before the primary could hear that we have it.
    const now = monotonicMs()
    // In the order sent: the first has waited longest.
    const [first] = arrived
    if (first !== undefined) this.#noteDelay(now - first.sentAtMs + first.waitedMs)
    const late: number[] = []
    for (const { id, socket, sentAtMs } of arrived) {
      if (socket === undefined) continue
      if (now - sentAtMs <= MAX_HAND_OVER_MS) this.#take(socket)
      else late.push(this.#hold(id, socket))
    }
    if (late.length > 0) this.#send({ type: 'accepted', ids: [], late })
  }

  #hold(id: number, socket: Socket): number {
    // Another worker may be reading from the same connection.
    handleOf(socket)?.readStop()
    this.#late.set(id, socket)
    return id
  }
}

/** Node reads from a socket as soon as it has come over the channel; `pause` would not stop that. */
function handleOf(socket: Socket): Readable | null | undefined {
  return (socket as unknown as { _handle?: Readable | null })._handle
}

function idOf({ id }: Arrived): number {
  return id
}

function ignore(): void {}
