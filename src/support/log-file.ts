import { createWriteStream, type WriteStream } from 'node:fs'
import { Writable } from 'node:stream'

/** After a failed write, lines are dropped this long before the file is tried again. */
const RETRY_MS = 1_000

const openFiles = new Set<LogFile>()
let lostLines = 0

/** Lines that no log file took since the process started. */
export function lostLogLines(): number {
  return lostLines
}

/** Opens all log files anew: what logrotate asks for after it has renamed them. */
export function reopenLogFiles(): void {
  for (const file of openFiles) file.reopen()
}

/** Resolves when all lines written so far have reached the files. */
export async function flushLogFiles(): Promise<void> {
  await Promise.all([...openFiles].map((file) => file.flush()))
}

/** A log file that lines are appended to; a full disk costs lines, never the process. */
export class LogFile extends Writable {
  readonly #path: string
  #file: WriteStream | undefined
  #failedAt = Number.NEGATIVE_INFINITY

  constructor(path: string) {
    super({ decodeStrings: false })
    this.#path = path
    this.#file = this.#open()
    openFiles.add(this)
  }

  reopen(): void {
    this.#file?.end()
    this.#file = this.#open()
  }

  flush(): Promise<void> {
    return new Promise((resolve) => {
      this.write('', () => resolve())
    })
  }

  override _write(line: string, _encoding: BufferEncoding, done: () => void): void {
    if (this.#file === undefined && performance.now() - this.#failedAt > RETRY_MS) {
      this.#file = this.#open()
    }
    if (this.#file === undefined) {
      this.#lost(line)
      done()
      return
    }
    this.#file.write(line, (error) => {
      if (error) this.#lost(line)
      done()
    })
  }

  /** An empty one only waits for those before it. */
  #lost(line: string): void {
    if (line !== '') lostLines++
  }

  #open(): WriteStream {
    const file = createWriteStream(this.#path, { flags: 'a', mode: 0o640 })
    file.on('error', () => {
      this.#failedAt = performance.now()
      if (this.#file === file) this.#file = undefined
    })
    return file
  }
}
