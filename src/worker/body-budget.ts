/**
 * The memory that all bodies a worker holds share. Bytes are taken as they arrive, never ahead: a
 * client that announces much and sends little has no more than it sent.
 */
export class BodyBudget {
  /** Most of one request's body. */
  readonly maxBodyBytes: number
  readonly #maxBytes: number
  #heldBytes = 0

  /** @param maxBytes Of all bodies together; one alone gets half of it at most: see `take`. */
  constructor(maxBodyBytes: number, maxBytes: number) {
    this.maxBodyBytes = Math.min(maxBodyBytes, Math.floor(maxBytes / 2))
    this.#maxBytes = maxBytes
  }

  get heldBytes(): number {
    return this.#heldBytes
  }

  /**
   * Takes `bytes` for a request that has `had` of them already; false = too much. No request may have
   * more than it leaves free: what is large is refused first, and there is room for small bodies still
   * when large or very many ones have filled the rest.
   */
  take(bytes: number, had: number): boolean {
    if (had + bytes > this.#maxBytes - this.#heldBytes - bytes) return false
    this.#heldBytes += bytes
    return true
  }

  giveBack(bytes: number): void {
    this.#heldBytes -= bytes
  }
}
