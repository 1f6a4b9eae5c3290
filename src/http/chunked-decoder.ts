import type { RawHeaders } from '../model/http-message.ts'
import { CR, HEX, LF, SEMICOLON } from './characters.ts'
import {
  EXTENSION_END,
  EXTENSION_FAULT,
  EXTENSION_START,
  nextExtensionState,
} from './chunk-extension.ts'
import { FieldScanner } from './field-scanner.ts'
import { HeldBytes } from './held-bytes.ts'
import type { HttpLimits } from './limits.ts'
import { REFUSALS, type Refusal } from './refusal.ts'
import { hasForbiddenTrailer } from './trailer-fields.ts'

/*
 * SIZE_START -hex-> SIZE -CR-> SIZE_LF -LF-> DATA -all taken-> DATA_CR -CR-> DATA_LF -LF-> SIZE_START
 * SIZE -';'-> EXTENSION -CR-> SIZE_LF; SIZE_LF after size 0 -LF-> TRAILERS -empty line-> done
 */
const SIZE_START = 0
const SIZE = 1
const EXTENSION = 2
const SIZE_LF = 3
const DATA = 4
const DATA_CR = 5
const DATA_LF = 6
const TRAILERS = 7

const MAX_SIZE_DIGITS = 15
/** Below this a loop is quicker than the call of `copyWithin`. */
const SHORT_COPY_BYTES = 32

/**
 * Decodes one chunked body from bytes cut anywhere. The data of all chunks in one piece of input
 * are moved together within that piece: a body of one-byte chunks costs its receiver one call per
 * read of the socket, not one per chunk.
 */
export class ChunkedDecoder {
  refusal: Refusal | undefined = undefined
  done = false
  trailers: RawHeaders = []
  /** Where the data of the last `decode` lie in its input. */
  dataStart = 0
  dataEnd = 0
  readonly #limits: HttpLimits
  #state = SIZE_START
  #size = 0
  #digits = 0
  #extensionState = EXTENSION_START
  #extensionBytes = 0
  #fields: FieldScanner | undefined = undefined
  #held: HeldBytes | undefined = undefined

  constructor(limits: HttpLimits) {
    this.#limits = limits
  }

  /** Takes bytes from `from` on, changes them in place; returns the position after the last one used. */
  decode(bytes: Buffer, from: number): number {
    this.dataStart = from
    this.dataEnd = from
    const end = bytes.length
    let i = from
    while (i < end && !this.done && this.refusal === undefined) {
      switch (this.#state) {
        case DATA:
          i = this.#takeData(bytes, i, end)
          break
        case TRAILERS:
          i = this.#takeTrailers(bytes, i)
          break
        default:
          this.#takeFraming(bytes[i] as number)
          i++
      }
    }
    return i
  }

  #takeData(bytes: Buffer, from: number, end: number): number {
    const take = Math.min(this.#size, end - from)
    if (this.dataEnd === this.dataStart) {
      this.dataStart = from
      this.dataEnd = from + take
    } else {
      let to = this.dataEnd
      this.dataEnd += take
      if (take > SHORT_COPY_BYTES) bytes.copyWithin(to, from, from + take)
      else for (let i = from; to < this.dataEnd; i++) bytes[to++] = bytes[i] as number
    }
    this.#size -= take
    if (this.#size === 0) this.#state = DATA_CR
    return from + take
  }

  #takeFraming(byte: number): void {
    switch (this.#state) {
      case SIZE_START:
      case SIZE:
        this.#takeSize(byte)
        break
      case EXTENSION:
        this.#takeExtension(byte)
        break
      case SIZE_LF:
        if (byte !== LF) this.refusal = REFUSALS.bareCr
        else this.#state = this.#size === 0 ? TRAILERS : DATA
        break
      case DATA_CR:
        if (byte !== CR) this.refusal = REFUSALS.chunkEnd
        this.#state = DATA_LF
        break
      default:
        if (byte !== LF) this.refusal = REFUSALS.chunkEnd
        this.#digits = 0
        this.#state = SIZE_START
    }
  }

  #takeSize(byte: number): void {
    const digit = HEX[byte] as number
    if (digit < 16) {
      this.#size = this.#digits === 0 ? digit : this.#size * 16 + digit
      this.#digits++
      this.#state = SIZE
      const tooLarge = this.#digits > MAX_SIZE_DIGITS || this.#size > Number.MAX_SAFE_INTEGER
      if (tooLarge) this.refusal = REFUSALS.chunkSize
    } else if (this.#state === SIZE_START) {
      this.refusal = REFUSALS.chunkSize
    } else if (byte === CR) {
      this.#state = SIZE_LF
    } else if (byte === SEMICOLON) {
      this.#extensionState = EXTENSION_START
      this.#state = EXTENSION
    } else {
      this.refusal = byte === LF ? REFUSALS.bareLf : REFUSALS.chunkSize
    }
  }

  #takeExtension(byte: number): void {
    this.#extensionState = nextExtensionState(this.#extensionState, byte)
    if (this.#extensionState === EXTENSION_END) {
      this.#state = SIZE_LF
    } else if (this.#extensionState === EXTENSION_FAULT) {
      this.refusal = byte === LF ? REFUSALS.bareLf : REFUSALS.chunkExtension
    } else if (++this.#extensionBytes > this.#limits.maxChunkExtensionBytes) {
      this.refusal = REFUSALS.longChunkExtensions
    }
  }

  #takeTrailers(bytes: Buffer, from: number): number {
    const limits = this.#limits
    this.#fields ??= new FieldScanner(limits.maxHeaders, limits.underscoresInHeaders)
    const before = this.#held?.length ?? 0
    const to = Math.min(bytes.length, from + limits.maxTrailerBytes - before)
    let end: number
    if (this.#held === undefined) {
      end = this.#fields.scan(bytes, from, from, to)
      if (this.#fields.done) this.#finish(this.#fields, bytes, from, end)
      else this.#hold(bytes, from, to)
    } else {
      this.#hold(bytes, from, to)
      end = from - before + this.#fields.scan(this.#held.bytes, 0, before, this.#held.length)
      if (this.#fields.done) this.#finish(this.#fields, this.#held.bytes, 0, this.#held.length)
    }
    this.refusal ??= this.#fields.refusal
    const full = end - from + before === limits.maxTrailerBytes
    if (full && !this.done) this.refusal ??= REFUSALS.longTrailers
    return end
  }

  #hold(bytes: Buffer, from: number, to: number): void {
    this.#held ??= new HeldBytes()
    this.#held.append(bytes, from, to)
  }

  #finish(fields: FieldScanner, bytes: Buffer, base: number, end: number): void {
    this.done = true
    if (fields.count === 0) return
    fields.collect(bytes.toString('latin1', base, end), this.trailers)
    if (hasForbiddenTrailer(this.trailers)) this.refusal = REFUSALS.trailerName
  }
}
