import type {
  BodySink,
  BodySource,
  RawHeaders,
  ResponseSink,
} from '../../src/model/http-message.ts'

/** Remembers a response; `done` resolves when it has ended, well or badly. */
export class TestSink implements ResponseSink {
  status = 0
  reason = ''
  headers: RawHeaders = []
  chunks: Buffer[] = []
  trailers: RawHeaders = []
  error: (Error & { code?: string; safeToRetry?: boolean }) | undefined
  ended = false
  /** What `onData` returns. */
  accepts = true
  readonly done: Promise<this>
  readonly head: Promise<this>
  onChunk: (() => void) | undefined
  #calls = 0
  readonly #done = Promise.withResolvers<this>()
  readonly #head = Promise.withResolvers<this>()

  constructor() {
    this.done = this.#done.promise
    this.head = this.#head.promise
  }

  /** Calls of onEnd and onError; more than one breaks the contract. */
  get outcomes(): number {
    return this.#calls
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString('latin1')
  }

  onHead(status: number, reason: string, headers: RawHeaders): void {
    this.status = status
    this.reason = reason
    this.headers = headers
    this.#head.resolve(this)
  }

  onData(chunk: Buffer): boolean {
    this.chunks.push(chunk)
    this.onChunk?.()
    return this.accepts
  }

  onEnd(trailers: RawHeaders): void {
    this.#calls++
    this.trailers = trailers
    this.ended = true
    this.#done.resolve(this)
  }

  onError(error: Error): void {
    this.#calls++
    this.error = error
    this.#done.resolve(this)
  }
}

/** A body that is there at once. */
export function bodyOf(text: string, length: number | undefined = text.length): BodySource {
  return {
    length,
    start(sink) {
      if (text !== '') sink.onData(Buffer.from(text, 'latin1'))
      sink.onEnd([])
    },
    resume() {},
  }
}

/** A body that a test writes piece by piece. */
export class SlowBody implements BodySource {
  readonly length: number | undefined
  paused = false
  onResume: (() => void) | undefined
  #sink: BodySink | undefined

  constructor(length?: number) {
    this.length = length
  }

  start(sink: BodySink): void {
    this.#sink = sink
  }

  resume(): void {
    this.paused = false
    this.onResume?.()
  }

  write(text: string | Buffer): boolean {
    const chunk = typeof text === 'string' ? Buffer.from(text, 'latin1') : text
    this.paused = this.#sink?.onData(chunk) === false
    return !this.paused
  }

  end(): void {
    this.#sink?.onEnd([])
  }

  fail(error: Error): void {
    this.#sink?.onError(error)
  }
}
