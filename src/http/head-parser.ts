import { CR, LF, SP, TARGET, TOKEN } from './characters.ts'
import { FieldScanner } from './field-scanner.ts'
import { HeldBytes } from './held-bytes.ts'
import type { HttpLimits } from './limits.ts'
import { REFUSALS, type Refusal } from './refusal.ts'
import { interpretHead, RequestHead } from './request-head.ts'

/*
 * START -token-> METHOD -SP-> REQUEST_TARGET -SP-> VERSION -CR-> LINE_END -LF-> FIELDS
 * START -CR-> EMPTY_LINE -LF-> AFTER_EMPTY_LINE -token-> METHOD
 */
const START = 0
const EMPTY_LINE = 1
const AFTER_EMPTY_LINE = 2
const METHOD = 3
const REQUEST_TARGET = 4
const VERSION = 5
const LINE_END = 6
const FIELDS = 7

const MAX_METHOD_BYTES = 32
/** 0 stands for any digit. */
const VERSION_PATTERN = Buffer.from('HTTP/\0.\0', 'latin1')

/**
 * Parses request heads, one after the other, from bytes cut anywhere. A head that lies in one chunk
 * is parsed in place; one that does not is gathered first, and each byte is still looked at once.
 */
export class HeadParser {
  refusal: Refusal | undefined = undefined
  readonly #limits: HttpLimits
  readonly #fields: FieldScanner
  readonly #held = new HeldBytes()
  #state = START
  // Offsets from the first byte of the head.
  #methodStart = 0
  #targetStart = 0
  #versionStart = 0
  #head: RequestHead | undefined = undefined

  constructor(limits: HttpLimits) {
    this.#limits = limits
    this.#fields = new FieldScanner(limits.maxHeaders, limits.underscoresInHeaders)
  }

  /** True when a part of a head has arrived; an empty line before it does not count. */
  get started(): boolean {
    return this.#state >= METHOD
  }

  /** The head that `feed` has completed; taking it makes the parser ready for the next. */
  take(): RequestHead | undefined {
    const head = this.#head
    this.#head = undefined
    return head
  }

  /** Takes bytes from `from` on; returns the position after the last one it used. */
  feed(chunk: Buffer, from: number): number {
    const before = this.#held.length
    if (before === 0) {
      const end = this.#scan(chunk, from, from, chunk.length)
      if (this.#fields.done) this.#finish(chunk, from, end)
      else if (this.refusal === undefined) this.#held.append(chunk, from, chunk.length)
      else return end
      return this.#head === undefined ? chunk.length : end
    }
    // Never more than the limit is copied, whatever follows the head in this chunk.
    const room = this.#limits.maxHeaderBytes - before
    this.#held.append(chunk, from, Math.min(chunk.length, from + room))
    const end = this.#scan(this.#held.bytes, 0, before, this.#held.length)
    if (this.#fields.done) {
      this.#finish(this.#held.bytes, 0, end)
      this.#held.clear()
    }
    return from + end - before
  }

  #finish(bytes: Buffer, base: number, end: number): void {
    // One string for the whole head: the parts are slices of it, which cost no copy.
    const text = bytes.toString('latin1', base, end)
    const headers: string[] = []
    this.#fields.collect(text, headers)
    const head = new RequestHead(
      text.substring(this.#methodStart, this.#targetStart - 1),
      text.substring(this.#targetStart, this.#versionStart - 1),
      text.charCodeAt(this.#versionStart + 7) === 49 ? '1.1' : '1.0',
      headers,
    )
    head.size = text.length
    this.#fields.reset()
    this.#state = START
    this.refusal = interpretHead(head)
    if (this.refusal === undefined) this.#head = head
  }

  #scan(bytes: Buffer, base: number, from: number, to: number): number {
    const limit = base + this.#limits.maxHeaderBytes
    const stop = Math.min(to, limit)
    let i = from
    while (i < stop && this.refusal === undefined && this.#state !== FIELDS) {
      i = this.#scanRequestLine(bytes, base, i, stop)
    }
    if (this.#state === FIELDS && this.refusal === undefined) {
      i = this.#fields.scan(bytes, base, i, stop)
      this.refusal = this.#fields.refusal
    }
    if (i === limit && !this.#fields.done && this.refusal === undefined) {
      this.refusal = REFUSALS.longHead
    }
    return i
  }

  /** Does one step of the request line. */
  #scanRequestLine(bytes: Buffer, base: number, i: number, stop: number): number {
    switch (this.#state) {
      case METHOD:
        return this.#scanMethod(bytes, base, i, stop)
      case REQUEST_TARGET:
        return this.#scanTarget(bytes, base, i, stop)
      case VERSION:
        return this.#scanVersion(bytes, base, i)
      case LINE_END:
        this.#expectLineFeed(bytes[i] as number, FIELDS)
        return i + 1
      case EMPTY_LINE:
        this.#expectLineFeed(bytes[i] as number, AFTER_EMPTY_LINE)
        return i + 1
      default:
        return this.#scanStart(bytes, base, i)
    }
  }

  /** RFC 9112 section 2.2: one empty line before a request is forgiven; old clients send it after a body. */
  #scanStart(bytes: Buffer, base: number, i: number): number {
    const byte = bytes[i] as number
    if (byte === CR && this.#state === START) {
      this.#state = EMPTY_LINE
      return i + 1
    }
    this.#methodStart = i - base
    this.#state = METHOD
    if (TOKEN[byte] === 0) this.refusal = byte === LF ? REFUSALS.bareLf : REFUSALS.method
    return i
  }

  #scanMethod(bytes: Buffer, base: number, from: number, stop: number): number {
    let i = from
    while (i < stop && TOKEN[bytes[i] as number] !== 0) i++
    if (i - base - this.#methodStart > MAX_METHOD_BYTES) {
      this.refusal = REFUSALS.longMethod
    } else if (i < stop) {
      if (bytes[i] !== SP) this.refusal = REFUSALS.method
      this.#targetStart = ++i - base
      this.#state = REQUEST_TARGET
    }
    return i
  }

  #scanTarget(bytes: Buffer, base: number, from: number, stop: number): number {
    const start = base + this.#targetStart
    let i = from
    while (i < stop && TARGET[bytes[i] as number] === 1) i++
    if (i - start > this.#limits.maxUrlBytes) {
      this.refusal = REFUSALS.longTarget
    } else if (i < stop) {
      if (bytes[i] !== SP || i === start) this.refusal = REFUSALS.target
      this.#versionStart = ++i - base
      this.#state = VERSION
    }
    return i
  }

  /** One byte of `HTTP/1.1`, or the CR after it. */
  #scanVersion(bytes: Buffer, base: number, i: number): number {
    const byte = bytes[i] as number
    const index = i - base - this.#versionStart
    if (index < VERSION_PATTERN.length) {
      const expected = VERSION_PATTERN[index] as number
      const isDigit = byte >= 48 && byte <= 57
      if (byte !== expected && !(expected === 0 && isDigit)) this.refusal = REFUSALS.versionLine
      return i + 1
    }
    const minor = bytes[i - 1]
    if (byte !== CR) this.refusal = byte === LF ? REFUSALS.bareLf : REFUSALS.versionLine
    else if (bytes[i - 3] !== 49 || (minor !== 48 && minor !== 49)) this.refusal = REFUSALS.version
    this.#state = LINE_END
    return i + 1
  }

  #expectLineFeed(byte: number, next: number): void {
    if (byte !== LF) this.refusal = REFUSALS.bareCr
    this.#state = next
  }
}
