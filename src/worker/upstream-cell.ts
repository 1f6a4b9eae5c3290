import type { Upstream } from '../upstream/upstream.ts'

/**
 * The place where a route plan finds its upstream at request time. Replacing what is in the cell
 * changes every route that refers to it at once, however many there are.
 */
export class UpstreamCell {
  #own: Upstream | undefined
  #via: UpstreamCell | undefined

  /** Undefined when there is nothing to send to: the referenced object is gone. */
  get current(): Upstream | undefined {
    return this.#via === undefined ? this.#own : this.#via.current
  }

  /** Puts an upstream of the cell's own in place; the one before finishes what it has and stops. */
  hold(upstream: Upstream): void {
    this.clear()
    this.#own = upstream
  }

  /** Refers to another cell instead. */
  follow(cell: UpstreamCell): void {
    this.clear()
    this.#via = cell
  }

  clear(): void {
    this.#own?.stop()
    this.#own = undefined
    this.#via = undefined
  }
}
