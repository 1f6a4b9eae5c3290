import type { Socket } from 'node:net'
import type { PrimaryMessage, WorkerMessage } from '../model/ipc.ts'
import { monotonicMs } from '../support/monotonic.ts'

/** Connections sent that the worker has not accepted yet; more wait here, where they can be taken back. */
const MAX_SENT = 4
/** A worker that has not accepted one by then is asked whether it arrived. */
const ASK_AFTER_MS = 200
/** A worker that a connection could not reach is spared for so long. */
const SPARE_MS = 250

interface Waiting {
  socket: Socket
  since: number
}

interface Sent {
  socket: Socket
  sentAtMs: number
}

interface TransitEvents {
  send(message: PrimaryMessage, socket?: Socket): void
  /** The worker never got these, though it lives: it has no file descriptor left, as a rule. */
  onLost(sockets: readonly Socket[]): void
}

/**
 * The connections on their way to one worker: waiting → sent → accepted.
 *
 * The channel carries one handle at a time, and takes in about one in each turn of the worker's
 * event loop; all other messages queue behind those that were sent. So few are sent ahead: the rest
 * waits here, holds up no message, and may still go to another worker.
 */
export class ConnectionTransit {
  readonly #events: TransitEvents
  #waiting: Waiting[] = []
  /** In the order sent. This process keeps its own handle until the worker has the connection. */
  readonly #sent = new Map<number, Sent>()
  /** Those that others have got, and which the worker may still come to ask about. */
  readonly #takenBack = new Set<number>()
  #last = 0
  #asked = 0
  /** The last one did not arrive: ask about each at once. */
  #doubtful = false
  #sparedUntil = Number.NEGATIVE_INFINITY

  constructor(events: TransitEvents) {
    this.#events = events
  }

  get size(): number {
    return this.#waiting.length + this.#sent.size
  }

  /** A connection did not reach the worker a moment ago. */
  get spared(): boolean {
    return monotonicMs() < this.#sparedUntil
  }

  add(socket: Socket): void {
    this.#waiting.push({ socket, since: monotonicMs() })
    this.#pump(MAX_SENT)
  }

  /** Sends all that wait, so that they are before the next message. */
  flush(): void {
    this.#pump(Number.POSITIVE_INFINITY)
  }

  /** The worker has these; of those that were late, which it accepted before, it asks which it may keep. */
  accepted({ ids, late }: Extract<WorkerMessage, { type: 'accepted' }>): void {
    for (const id of ids) {
      // Closes our handle only: the connection lives on in the worker.
      this.#sent.get(id)?.socket.destroy()
      this.#sent.delete(id)
    }
    if (late.length > 0) this.#answer(late)
    this.#doubtful = false
    this.#pump(MAX_SENT)
  }

  /** The worker has said of all up to `upTo` which it got: the others are lost. */
  settled(upTo: number): void {
    const lost: Socket[] = []
    for (const [id, { socket }] of this.#sent) {
      if (id > upTo) break
      lost.push(socket)
      this.#sent.delete(id)
    }
    for (const id of this.#takenBack) if (id <= upTo) this.#takenBack.delete(id)
    if (lost.length > 0) {
      this.#doubtful = true
      this.#sparedUntil = monotonicMs() + SPARE_MS
      this.#events.onLost([...lost, ...this.takeWaiting()])
    }
    this.#pump(MAX_SENT)
  }

  /** Call it regularly while the worker is heard: asks about what should have arrived by now. */
  ask(): void {
    const [oldest] = this.#sent.values()
    if (oldest === undefined || monotonicMs() - oldest.sentAtMs < ASK_AFTER_MS) return
    this.#ask()
  }

  /** Takes back those that have not been sent for `minWaitMs`. */
  takeWaiting(minWaitMs = Number.NEGATIVE_INFINITY): Socket[] {
    const before = monotonicMs() - minWaitMs
    const taken = this.#waiting.filter(({ since }) => since <= before)
    if (taken.length > 0) this.#waiting = this.#waiting.filter(({ since }) => since > before)
    return taken.map(({ socket }) => socket)
  }

  /**
   * Takes back those that the worker has not accepted `minAgeMs` after they were sent. It will not
   * touch them either, should it wake up: for what is older than MAX_HAND_OVER_MS it asks.
   */
  takeSent(minAgeMs = Number.NEGATIVE_INFINITY): Socket[] {
    const before = monotonicMs() - minAgeMs
    const taken: Socket[] = []
    for (const [id, { socket, sentAtMs }] of this.#sent) {
      // In the order sent: the others are younger.
      if (sentAtMs > before) break
      taken.push(socket)
      this.#sent.delete(id)
      this.#takenBack.add(id)
    }
    return taken
  }

  #pump(maxSent: number): void {
    while (this.#sent.size < maxSent) {
      const next = this.#waiting.shift()
      if (next === undefined) return
      const sentAtMs = monotonicMs()
      const id = ++this.#last
      this.#sent.set(id, { socket: next.socket, sentAtMs })
      const waitedMs = Math.round(sentAtMs - next.since)
      this.#events.send({ type: 'connection', id, sentAtMs, waitedMs }, next.socket)
      if (this.#doubtful) this.#ask()
    }
  }

  #answer(late: readonly number[]): void {
    const granted = late.filter((id) => !this.#takenBack.has(id))
    const refused = late.filter((id) => this.#takenBack.delete(id))
    this.#events.send({ type: 'late', granted, refused })
  }

  #ask(): void {
    if (this.#asked === this.#last) return
    this.#asked = this.#last
    this.#events.send({ type: 'sent', upTo: this.#last })
  }
}
