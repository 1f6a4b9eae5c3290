import { COLON, CR, HTAB, LF, SP, TOKEN, UNDERSCORE_CLASS, VALUE } from './characters.ts'
import type { UnderscorePolicy } from './limits.ts'
import { REFUSALS, type Refusal } from './refusal.ts'

/*
 * LINE_START -token-> NAME -':'-> OWS -other-> VALUE -CR-> LINE_END -LF-> LINE_START
 * LINE_START -CR-> LAST -LF-> done
 */
const LINE_START = 0
const NAME = 1
const OWS = 2
const VALUE_BYTES = 3
const LINE_END = 4
const LAST = 5

/** Numbers kept per field: start and end of its name, start and end of its value. */
const MARKS = 4

/**
 * Scans the field lines of a head or a trailer section, up to and with the empty line. It may be
 * stopped and continued at every byte; what it finds does not depend on where it was cut.
 */
export class FieldScanner {
  refusal: Refusal | undefined = undefined
  done = false
  /** Fields found so far (without the dropped ones). */
  count = 0
  /** Offsets relative to `base`, MARKS per field; entries beyond `count` are left from earlier heads. */
  readonly #marks: number[] = []
  readonly #maxFields: number
  readonly #underscores: UnderscorePolicy
  #state = LINE_START
  #lines = 0
  #nameStart = 0
  #nameEnd = 0
  #valueStart = 0
  #nameClass = 0

  constructor(maxFields: number, underscores: UnderscorePolicy) {
    this.#maxFields = maxFields
    this.#underscores = underscores
  }

  reset(): void {
    this.refusal = undefined
    this.done = false
    this.count = 0
    this.#lines = 0
    this.#state = LINE_START
  }

  /** Appends name and value of every field to `into`; `text` holds the bytes from `base` on. */
  collect(text: string, into: string[]): void {
    const marks = this.#marks
    const end = this.count * MARKS
    for (let i = 0; i < end; i += MARKS) {
      into.push(
        text.substring(marks[i] as number, marks[i + 1] as number),
        text.substring(marks[i + 2] as number, marks[i + 3] as number),
      )
    }
  }

  /** Goes on at `from`; returns where it stopped: at `to`, after the empty line, or at the fault. */
  scan(bytes: Buffer, base: number, from: number, to: number): number {
    let i = from
    while (i < to) {
      switch (this.#state) {
        case LINE_START:
          i = this.#startLine(bytes, base, i)
          break
        case NAME:
          i = this.#scanName(bytes, base, i, to)
          break
        case OWS:
          i = this.#skipSpace(bytes, base, i, to)
          break
        case VALUE_BYTES:
          i = this.#scanValue(bytes, base, i, to)
          break
        case LINE_END:
          if (bytes[i] !== LF) this.refusal = REFUSALS.bareCr
          this.#state = LINE_START
          i++
          break
        default:
          if (bytes[i] === LF) this.done = true
          else this.refusal = REFUSALS.bareCr
          return i + 1
      }
      if (this.refusal !== undefined) return i
    }
    return i
  }

  #startLine(bytes: Buffer, base: number, i: number): number {
    const byte = bytes[i] as number
    if (byte === CR) {
      this.#state = LAST
      return i + 1
    }
    if (TOKEN[byte] === 0) {
      this.refusal = faultAtLineStart(byte)
    } else if (this.#lines === this.#maxFields) {
      this.refusal = REFUSALS.manyHeaders
    } else {
      this.#lines++
      this.#nameStart = i - base
      this.#nameClass = 0
      this.#state = NAME
    }
    return i
  }

  #scanName(bytes: Buffer, base: number, from: number, to: number): number {
    let i = from
    let seen = this.#nameClass
    while (i < to) {
      const kind = TOKEN[bytes[i] as number] as number
      if (kind === 0) break
      seen |= kind
      i++
    }
    this.#nameClass = seen
    if (i === to) return i
    const byte = bytes[i] as number
    if (byte !== COLON) {
      this.refusal = faultInName(byte)
    } else if (seen >= UNDERSCORE_CLASS && this.#underscores === 'reject') {
      this.refusal = REFUSALS.underscore
    }
    this.#nameEnd = i - base
    this.#state = OWS
    return i + 1
  }

  #skipSpace(bytes: Buffer, base: number, from: number, to: number): number {
    let i = from
    while (i < to && (bytes[i] === SP || bytes[i] === HTAB)) i++
    if (i < to) {
      this.#valueStart = i - base
      this.#state = VALUE_BYTES
    }
    return i
  }

  #scanValue(bytes: Buffer, base: number, from: number, to: number): number {
    let i = from
    while (i < to && VALUE[bytes[i] as number] === 1) i++
    if (i === to) return i
    const byte = bytes[i] as number
    if (byte !== CR) {
      this.refusal = byte === LF ? REFUSALS.bareLf : REFUSALS.value
      return i
    }
    let end = i
    const start = base + this.#valueStart
    while (end > start && (bytes[end - 1] === SP || bytes[end - 1] === HTAB)) end--
    this.#keepField(end - base)
    this.#state = LINE_END
    return i + 1
  }

  #keepField(valueEnd: number): void {
    if (this.#nameClass >= UNDERSCORE_CLASS && this.#underscores === 'drop') return
    const at = this.count * MARKS
    const marks = this.#marks
    marks[at] = this.#nameStart
    marks[at + 1] = this.#nameEnd
    marks[at + 2] = this.#valueStart
    marks[at + 3] = valueEnd
    this.count++
  }
}

function faultAtLineStart(byte: number): Refusal {
  if (byte === SP || byte === HTAB) return REFUSALS.folding
  if (byte === COLON) return REFUSALS.emptyName
  if (byte === LF) return REFUSALS.bareLf
  return REFUSALS.name
}

function faultInName(byte: number): Refusal {
  if (byte === SP || byte === HTAB) return REFUSALS.spaceInName
  if (byte === LF) return REFUSALS.bareLf
  return REFUSALS.name
}
