import type { BodyFilter } from '../../plugins/contract.ts'

/** Where a filtered body goes. */
export interface BodyPipeTarget {
  /** Returns false when the target is slow. */
  write(chunk: Buffer): boolean
  end(): void
  /** The source may go on, after a `push` that returned false because of a filter. */
  resume(): void
  fail(error: unknown): void
  /** A filter failed where that changes nothing for the client. */
  report(error: unknown): void
}

/**
 * Passes a body through filters, in order. While they answer at once, so does the pipe; when one
 * returns a promise, what comes meanwhile waits, and the source is asked to.
 */
export class BodyPipe {
  readonly #filters: readonly BodyFilter[]
  readonly #target: BodyPipeTarget
  readonly #waiting: (Buffer | undefined)[] = []
  #busy = false
  #over = false

  constructor(filters: readonly BodyFilter[], target: BodyPipeTarget) {
    this.#filters = filters
    this.#target = target
  }

  /** True if what comes out is as long as what goes in. */
  get keepsLength(): boolean {
    return this.#filters.every(({ observesOnly }) => observesOnly === true)
  }

  /** Returns false when the source should pause. */
  push(chunk: Buffer): boolean {
    return this.#take(chunk)
  }

  /** The source is at its end. */
  end(): void {
    this.#take(undefined)
  }

  /** The response was cut short. */
  stop(): void {
    if (this.#over) return
    this.#over = true
    this.#waiting.length = 0
    for (const filter of this.#filters) {
      try {
        filter.stop?.()
      } catch (error) {
        this.#target.report(error)
      }
    }
  }

  /** `undefined` stands for the end. */
  #take(piece: Buffer | undefined): boolean {
    if (this.#over) return false
    if (this.#busy) {
      this.#waiting.push(piece)
      return false
    }
    try {
      const result = piece === undefined ? this.#flushFrom(0) : this.#passFrom(0, piece)
      if (typeof result === 'boolean') return result
      this.#busy = true
      result.then(
        (flows) => this.#continue(flows),
        (error: unknown) => this.#fail(error),
      )
      return false
    } catch (error) {
      this.#fail(error)
      return false
    }
  }

  /** `flows` is false when the target is slow: it asks for more itself then. */
  #continue(flows: boolean): void {
    this.#busy = false
    let goesOn = flows
    while (!this.#busy && this.#waiting.length > 0) goesOn = this.#take(this.#waiting.shift())
    if (goesOn && !this.#busy && !this.#over) this.#target.resume()
  }

  /** Takes a piece through the filters from `index` on, then to the target. */
  #passFrom(index: number, piece: Buffer): boolean | Promise<boolean> {
    let current = piece
    for (let i = index; i < this.#filters.length; i++) {
      const result = (this.#filters[i] as BodyFilter).transform(current)
      if (result instanceof Promise) {
        return result.then((next) => (isEmpty(next) ? true : this.#passFrom(i + 1, next)))
      }
      if (isEmpty(result)) return true
      current = result
    }
    if (this.#over) return false
    // Other things have lengths too, but not in bytes: the frame would be wrong.
    if (!(current instanceof Uint8Array)) throw new TypeError('a body filter returned no bytes')
    return this.#target.write(current)
  }

  #flushFrom(index: number): boolean | Promise<boolean> {
    for (let i = index; i < this.#filters.length; i++) {
      const rest = this.#filters[i]?.flush?.()
      if (rest instanceof Promise) {
        return rest
          .then((piece) => (isEmpty(piece) ? true : this.#passFrom(i + 1, piece)))
          .then(() => this.#flushFrom(i + 1))
      }
      if (isEmpty(rest)) continue
      const passed = this.#passFrom(i + 1, rest)
      if (passed instanceof Promise) return passed.then(() => this.#flushFrom(i + 1))
    }
    if (!this.#over) {
      this.#over = true
      this.#target.end()
    }
    return true
  }

  #fail(error: unknown): void {
    if (this.#over) return
    this.stop()
    this.#target.fail(error)
  }
}

function isEmpty(piece: Buffer | undefined): piece is undefined {
  return piece === undefined || piece.length === 0
}
