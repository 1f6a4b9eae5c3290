/** Lines leave together after this time, or as soon as there are so many bytes of them. */
const FLUSH_MS = 100
const BATCH_BYTES = 65_536
/** What may wait for a reader that does not read. */
const MAX_WAITING_BYTES = 1024 * 1024

/** Lines on stdout, several in one write; what nobody reads is dropped. */
export class StdoutLines {
  readonly #onDrop: (lines: number) => void
  readonly #stream: NodeJS.WriteStream
  #lines: string[] = []
  #bytes = 0
  #timer: NodeJS.Timeout | undefined

  constructor(onDrop: (lines: number) => void, stream: NodeJS.WriteStream = process.stdout) {
    this.#onDrop = onDrop
    this.#stream = stream
  }

  append(line: string): void {
    this.#lines.push(line)
    this.#bytes += line.length
    if (this.#bytes >= BATCH_BYTES) this.#write()
    else this.#timer ??= setTimeout(() => this.#write(), FLUSH_MS)
  }

  /** Hands what waits to the stream; whoever ends the process waits for that by itself. */
  flush(): Promise<void> {
    this.#write()
    return Promise.resolve()
  }

  #write(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const lines = this.#lines
    this.#lines = []
    this.#bytes = 0
    if (lines.length === 0) return
    if (this.#stream.writableLength > MAX_WAITING_BYTES) this.#onDrop(lines.length)
    else this.#stream.write(`${lines.join('\n')}\n`)
  }
}
