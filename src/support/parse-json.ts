import { parseLenientJson } from './lenient-json.ts'
import { TimeSlice } from './time-slice.ts'

/** The value, or why the text is none. */
export type ParsedJson = { ok: true; json: unknown } | { ok: false; reason: string }

/** Below this, parsing all at once takes some 2 ms at most. */
const SMALL_BYTES = 256 * 1024

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_LIST = 0x5b
const BACKSLASH = 0x5c
const CLOSE_LIST = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * Parses a large JSON document without stalling the event loop: an object whose fields are lists
 * comes apart into their items, each of which is parsed by itself. Items and other fields larger
 * than `maxItemBytes` are refused.
 */
export async function parseJsonInSlices(bytes: Buffer, maxItemBytes: number): Promise<ParsedJson> {
  try {
    const parser = new SlicedParser(bytes, maxItemBytes)
    const whole = bytes.length <= SMALL_BYTES || !parser.startsWithObject()
    return { ok: true, json: whole ? parser.parseWhole() : await parser.parseObject() }
  } catch (error) {
    return { ok: false, reason: describe(error) }
  }
}

/** What is wrong, and where in the document. */
class SyntaxProblem extends Error {}

class SlicedParser {
  readonly #bytes: Buffer
  readonly #maxItemBytes: number
  readonly #slice = new TimeSlice()
  #at = 0

  constructor(bytes: Buffer, maxItemBytes: number) {
    this.#bytes = bytes
    this.#maxItemBytes = maxItemBytes
  }

  startsWithObject(): boolean {
    this.#skipSpace()
    return this.#bytes[this.#at] === OPEN_OBJECT
  }

  parseWhole(): unknown {
    return this.#parse(0, this.#bytes.length)
  }

  async parseObject(): Promise<unknown> {
    const fields: [string, unknown][] = []
    this.#expect(OPEN_OBJECT)
    if (!this.#skip(CLOSE_OBJECT)) {
      do fields.push(await this.#parseField())
      while (this.#skip(COMMA))
      this.#expect(CLOSE_OBJECT)
    }
    this.#skipSpace()
    if (this.#at < this.#bytes.length) throw this.#problem()
    return Object.fromEntries(fields)
  }

  async #parseField(): Promise<[string, unknown]> {
    this.#skipSpace()
    if (this.#bytes[this.#at] !== QUOTE) throw this.#problem()
    const name = this.#parseItem() as string
    this.#expect(COLON)
    this.#skipSpace()
    const isList = this.#bytes[this.#at] === OPEN_LIST
    return [name, isList ? await this.#parseList() : this.#parseItem()]
  }

  async #parseList(): Promise<unknown[]> {
    const items: unknown[] = []
    this.#expect(OPEN_LIST)
    if (this.#skip(CLOSE_LIST)) return items
    do {
      items.push(this.#parseItem())
      if (this.#slice.due) await this.#slice.pause()
    } while (this.#skip(COMMA))
    this.#expect(CLOSE_LIST)
    return items
  }

  /** Any value: its extent is found by its brackets and quotes, all else is left to the parser. */
  #parseItem(): unknown {
    this.#skipSpace()
    const from = this.#at
    const first = this.#bytes[from]
    if (first === OPEN_OBJECT || first === OPEN_LIST) this.#skipNested()
    else if (first === QUOTE) this.#skipText()
    else while (isScalar(this.#bytes[this.#at])) this.#at += 1
    if (this.#at === from) throw this.#problem()
    if (this.#at - from > this.#maxItemBytes) throw this.#tooLarge(from)
    return this.#parse(from, this.#at)
  }

  #skipNested(): void {
    const from = this.#at
    let depth = 0
    do {
      const byte = this.#bytes[this.#at]
      if (byte === undefined) throw this.#problem()
      if (byte === QUOTE) this.#skipText()
      else {
        if (byte === OPEN_OBJECT || byte === OPEN_LIST) depth += 1
        else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) depth -= 1
        this.#at += 1
      }
      if (this.#at - from > this.#maxItemBytes) throw this.#tooLarge(from)
    } while (depth > 0)
  }

  #skipText(): void {
    const from = this.#at
    for (let end = from; ; ) {
      end = this.#bytes.indexOf(QUOTE, end + 1)
      if (end === -1) throw this.#problem()
      let before = end - 1
      while (this.#bytes[before] === BACKSLASH) before -= 1
      if ((end - before) % 2 === 0) continue
      this.#at = end + 1
      return
    }
  }

  #parse(from: number, to: number): unknown {
    try {
      return parseLenientJson(utf8.decode(this.#bytes.subarray(from, to)))
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw new SyntaxProblem('not valid UTF-8')
      const position = /at position (\d+)/.exec(error.message)?.[1]
      // The parser's own message quotes the text around the error, which may hold a secret.
      throw new SyntaxProblem(
        position === undefined
          ? 'not valid JSON'
          : `not valid JSON at position ${from + Number(position)}`,
      )
    }
  }

  #skipSpace(): void {
    while (isSpace(this.#bytes[this.#at])) this.#at += 1
  }

  /** True when the byte comes next; it is passed then. */
  #skip(byte: number): boolean {
    this.#skipSpace()
    if (this.#bytes[this.#at] !== byte) return false
    this.#at += 1
    return true
  }

  #expect(byte: number): void {
    if (!this.#skip(byte)) throw this.#problem()
  }

  #problem(): SyntaxProblem {
    return new SyntaxProblem(`not valid JSON at position ${this.#at}`)
  }

  #tooLarge(at: number): SyntaxProblem {
    return new SyntaxProblem(
      `the item at position ${at} is greater than the maximum size ${this.#maxItemBytes} allowed`,
    )
  }
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

/** True for what numbers and words are made of. */
function isScalar(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x2b && !STRUCTURE.has(byte)
}

const STRUCTURE: ReadonlySet<number> = new Set([
  COMMA,
  COLON,
  OPEN_LIST,
  CLOSE_LIST,
  OPEN_OBJECT,
  CLOSE_OBJECT,
])

function describe(error: unknown): string {
  if (error instanceof SyntaxProblem) return error.message
  throw error
}
