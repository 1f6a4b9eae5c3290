import { readFile, stat } from 'node:fs/promises'

/** How long a file is taken for unchanged without another look. */
const CHECK_EVERY_MS = 1_000

/** A small file, decoded, and decoded again when it changes; `absent` stands for one that can't be read. */
export class FreshFile<T> {
  readonly #path: string
  readonly #decode: (text: string) => T
  readonly #absent: T
  #value: T
  #changedAt: number | undefined
  #checkedAt = Number.NEGATIVE_INFINITY

  constructor(path: string, decode: (text: string) => T, absent: T) {
    this.#path = path
    this.#decode = decode
    this.#absent = absent
    this.#value = absent
  }

  async read(): Promise<T> {
    const now = performance.now()
    if (now - this.#checkedAt < CHECK_EVERY_MS) return this.#value
    try {
      const { mtimeMs } = await stat(this.#path)
      if (mtimeMs !== this.#changedAt) {
        this.#value = this.#decode(await readFile(this.#path, 'utf8'))
        this.#changedAt = mtimeMs
      }
    } catch {
      this.#value = this.#absent
      this.#changedAt = undefined
    }
    this.#checkedAt = now
    return this.#value
  }
}
