import type { Logger } from 'pino'
import { writeFileAtomic } from '../support/atomic-file.ts'

interface KeptFileOptions {
  path: string
  /** What to write, asked for at the time of the write. */
  encode: () => string
  /** Several changes within this time make one write. */
  delayMs: number
  log: Logger
  /** What to log when the file can't be written. */
  complaint: string
}

/**
 * A file of the data directory that follows what this process knows, a little later. What can't be
 * written is logged once, costs what a restart would have remembered, and nothing else.
 */
export class KeptFile {
  readonly #options: KeptFileOptions
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()
  #failing = false
  #left = false

  constructor(options: KeptFileOptions) {
    this.#options = options
  }

  /** True while the file can't be written. */
  get failing(): boolean {
    return this.#failing
  }

  /** Writes soon. */
  schedule(): void {
    this.#timer ??= setTimeout(() => this.#write(), this.#options.delayMs).unref()
  }

  /** Writes what was scheduled, now. */
  async flush(): Promise<void> {
    if (this.#timer !== undefined) this.#write()
    await this.#writing
  }

  /** A successor has the data directory: resolves when nothing is written there any more. */
  async leave(): Promise<void> {
    this.#left = true
    await this.#writing
  }

  #write(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#writing = this.#writing.then(async () => {
      if (this.#left) return
      const { path, encode, log, complaint } = this.#options
      try {
        await writeFileAtomic(path, encode())
        if (this.#failing) log.info({ path }, 'file is kept again')
        this.#failing = false
      } catch (err) {
        if (!this.#failing) log.warn({ err, path }, complaint)
        this.#failing = true
      }
    })
  }
}
