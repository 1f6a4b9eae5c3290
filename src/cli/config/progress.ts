import type { WriteStream } from 'node:tty'

/** What is over sooner needs no progress shown. */
const SHOW_AFTER_MS = 700
const REDRAW_MS = 100
const LINE_EVERY_MS = 5_000
const BAR_WIDTH = 28

/**
 * Shows on stderr how far a long command has come: a bar on a terminal, a line now and then
 * elsewhere (CI keeps every one of them).
 */
export class Progress {
  readonly #stream: Pick<WriteStream, 'isTTY' | 'write'>
  readonly #now: () => number
  #phase = ''
  #startedAt = 0
  #shownAt = 0
  #isDrawn = false
  #ticking: NodeJS.Timeout | undefined

  constructor(stream: Pick<WriteStream, 'isTTY' | 'write'>, now = () => performance.now()) {
    this.#stream = stream
    this.#now = now
  }

  /** Begins a phase, whose name says what is done to what; ends the one before. */
  begin(phase: string): void {
    this.end()
    this.#phase = phase
    this.#startedAt = this.#now()
    this.#shownAt = this.#startedAt
  }

  /** Cheap enough to be called for each object. The promise is there when something was drawn. */
  advance(done: number, of: number): Promise<void> | undefined {
    const now = this.#now()
    if (done >= of || now - this.#startedAt < SHOW_AFTER_MS) return undefined
    if (now - this.#shownAt < (this.#stream.isTTY ? REDRAW_MS : LINE_EVERY_MS)) return undefined
    this.#show(`${bar(done, of, this.#stream.isTTY)} ${percent(done, of)}`, now)
    // The turn of the event loop in which the terminal is written to, and Ctrl-C is heard.
    return new Promise((resolve) => setImmediate(resolve))
  }

  /** While somebody else works: how long we have been waiting. */
  wait(phase: string): void {
    this.begin(phase)
    this.#ticking = setInterval(() => {
      const now = this.#now()
      if (now - this.#shownAt < (this.#stream.isTTY ? SHOW_AFTER_MS : LINE_EVERY_MS)) return
      this.#show(`${Math.round((now - this.#startedAt) / 1000)} s`, now)
    }, REDRAW_MS)
    this.#ticking.unref()
  }

  /** Clears the line, so that what comes next stands alone. */
  end(): void {
    clearInterval(this.#ticking)
    if (this.#isDrawn) this.#stream.write('\r\x1b[2K')
    this.#isDrawn = false
  }

  #show(state: string, now: number): void {
    this.#shownAt = now
    this.#isDrawn = this.#stream.isTTY
    this.#stream.write(
      this.#isDrawn ? `\r\x1b[2K${this.#phase} ${state}` : `${this.#phase}: ${state.trim()}\n`,
    )
  }
}

function bar(done: number, of: number, isTTY: boolean): string {
  if (!isTTY) return ''
  const filled = Math.round((BAR_WIDTH * done) / Math.max(of, 1))
  return `[${'#'.repeat(filled)}${'.'.repeat(BAR_WIDTH - filled)}]`
}

function percent(done: number, of: number): string {
  return `${Math.floor((100 * done) / Math.max(of, 1))} %`
}
