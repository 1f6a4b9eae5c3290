import { constants } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'

/** Lines leave together after this time … */
const FLUSH_MS = 100
/** … or as soon as there are so many bytes of them. */
const BATCH_BYTES = 65_536
/** What may wait for a slow disk; a line beyond it is dropped. */
const MAX_QUEUED_BYTES = 8 * 1024 * 1024
/** How often a file is looked at: has it been renamed or deleted? */
const ROTATION_CHECK_MS = 1_000
/** After a failure, lines are dropped this long before the file is tried again. */
const RETRY_MS = 1_000

/** Not blocking: opening a pipe that nobody reads fails at once, in place of holding a thread. */
const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK

interface AppendFileOptions {
  /** Lines could not be written: a full disk, a folder that is not there. */
  onFailure?: (error: Error) => void
  /** Lines were dropped. */
  onDrop?: (lines: number) => void
  /** Milliseconds of a monotonic clock. */
  now?: () => number
}

/**
 * A file that several processes append whole lines to. Lines are gathered and written behind the
 * caller's back; whatever the disk does, `append` neither waits nor throws. A file that was renamed
 * or deleted is created anew, so that rotation needs no signal.
 */
export class AppendFile {
  readonly #path: string
  readonly #options: AppendFileOptions
  readonly #now: () => number
  #lines: string[] = []
  #queuedBytes = 0
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> | undefined
  #file: FileHandle | undefined
  #checkedAt = 0
  #failedAt = Number.NEGATIVE_INFINITY
  /** The last write ended in the middle of a line. */
  #torn = false
  dropped = 0

  constructor(path: string, options: AppendFileOptions = {}) {
    this.#path = path
    this.#options = options
    this.#now = options.now ?? (() => performance.now())
  }

  /** @param line Without line break at its end. */
  append(line: string): void {
    if (this.#queuedBytes + line.length > MAX_QUEUED_BYTES) {
      this.#drop(1)
      return
    }
    this.#lines.push(line)
    this.#queuedBytes += line.length
    if (this.#queuedBytes >= BATCH_BYTES) this.#startWriting()
    else this.#timer ??= setTimeout(() => this.#startWriting(), FLUSH_MS)
  }

  /** Resolves when all lines appended so far have been written, or dropped. */
  async flush(): Promise<void> {
    while (this.#lines.length > 0 || this.#writing !== undefined) {
      this.#startWriting()
      await this.#writing
    }
  }

  /** Writes what waits, then closes the file. */
  async close(): Promise<void> {
    await this.flush()
    await this.#closeFile()
  }

  #startWriting(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined
    })
  }

  async #writeAll(): Promise<void> {
    while (this.#lines.length > 0) {
      const lines = this.#lines
      const bytes = Buffer.from(`${this.#torn ? '\n' : ''}${lines.join('\n')}\n`)
      this.#lines = []
      // What is being written still counts: it is in memory.
      const queued = this.#queuedBytes
      try {
        await this.#write(bytes)
      } catch (error) {
        this.#drop(lines.length)
        await this.#fail(error as Error)
      }
      this.#queuedBytes -= queued
    }
  }

  async #write(bytes: Buffer): Promise<void> {
    const file = await this.#opened()
    if (file === undefined) throw new Error('the file was not tried again yet')
    let at = 0
    while (at < bytes.length) {
      const { bytesWritten } = await file.write(bytes, at)
      at += bytesWritten
      this.#torn = at < bytes.length
    }
  }

  async #opened(): Promise<FileHandle | undefined> {
    const now = this.#now()
    if (this.#file !== undefined && now >= this.#checkedAt + ROTATION_CHECK_MS) {
      this.#checkedAt = now
      if (await this.#wasReplaced(this.#file)) {
        await this.#closeFile()
        this.#torn = false
      }
    }
    if (this.#file !== undefined) return this.#file
    if (now < this.#failedAt + RETRY_MS) return undefined
    this.#file = await open(this.#path, FLAGS, 0o640)
    this.#checkedAt = now
    return this.#file
  }

  async #wasReplaced(file: FileHandle): Promise<boolean> {
    const [ours, there] = await Promise.all([file.stat(), stat(this.#path).catch(() => undefined)])
    return there === undefined || there.ino !== ours.ino || there.dev !== ours.dev
  }

  async #fail(error: Error): Promise<void> {
    const now = this.#now()
    if (now < this.#failedAt + RETRY_MS) return
    this.#failedAt = now
    this.#options.onFailure?.(error)
    await this.#closeFile()
  }

  async #closeFile(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.close().catch(() => {})
  }

  #drop(lines: number): void {
    this.dropped += lines
    this.#options.onDrop?.(lines)
  }
}
