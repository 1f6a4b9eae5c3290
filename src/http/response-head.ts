import type { RawHeaders } from '../model/http-message.ts'
import { STATUS_CODES } from '../support/node-http.ts'
import { isNamed } from './field-name.ts'

/** How the end of a response body is told. */
export const FRAMING_NONE = 0
export const FRAMING_LENGTH = 1
export const FRAMING_CHUNKED = 2
export const FRAMING_CLOSE = 3

/** Anything that could end a line, or would be cut to a byte that could. */
const UNSAFE = /[^\t\x20-\x7e\x80-\xff]/
const NOT_A_TOKEN = /[^!#$%&'*+\-.^_`|~0-9A-Za-z]/

/** What the engine decides about a response head. */
export interface HeadFacts {
  framing: number
  /** For FRAMING_LENGTH; with FRAMING_NONE what a body would have had, or undefined. */
  bodyLength: number | undefined
  /** Value of the Connection field; '' = none. */
  connection: string
  /** A whole Date line, for a response without one. */
  dateLine: string
}

/**
 * Builds a response head. The fields given are kept in order but for those that frame the message.
 * Throws when a field could not be written without changing the message (response splitting).
 */
export function buildResponseHead(
  status: number,
  reason: string,
  headers: RawHeaders,
  facts: HeadFacts,
): string {
  let head = statusLine(status, reason)
  let hasDate = false
  let hasLength = false
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string
    const value = headers[i + 1] as string
    const kind = kindOf(name)
    if (kind === FRAMING_FIELD) continue
    if (kind === LENGTH_FIELD) {
      // Without a body it only informs (HEAD, 304); a 204 must not have it.
      if (facts.framing !== FRAMING_NONE || hasLength || status === 204) continue
      hasLength = true
    } else if (kind === DATE_FIELD) {
      hasDate = true
    }
    head += fieldLine(name, value)
  }
  if (!hasDate) head += facts.dateLine
  return `${head}${framingLine(facts, hasLength || status === 204)}${connectionLine(facts)}\r\n`
}

/** Trailer fields as text, each line ended. Throws like `buildResponseHead`. */
export function fieldLine(name: string, value: string): string {
  if (name.length === 0 || NOT_A_TOKEN.test(name)) throw new Error('a field name is not a token')
  if (UNSAFE.test(value)) throw new Error('a field value holds a character that is not allowed')
  return `${name}: ${value}\r\n`
}

const PLAIN_FIELD = 0
const FRAMING_FIELD = 1
const LENGTH_FIELD = 2
const DATE_FIELD = 3

function kindOf(name: string): number {
  switch (name.length) {
    case 4:
      return isNamed(name, 'date') ? DATE_FIELD : PLAIN_FIELD
    case 10:
      return isNamed(name, 'connection') || isNamed(name, 'keep-alive')
        ? FRAMING_FIELD
        : PLAIN_FIELD
    case 14:
      return isNamed(name, 'content-length') ? LENGTH_FIELD : PLAIN_FIELD
    case 17:
      return isNamed(name, 'transfer-encoding') ? FRAMING_FIELD : PLAIN_FIELD
    default:
      return PLAIN_FIELD
  }
}

function framingLine(facts: HeadFacts, hasLength: boolean): string {
  switch (facts.framing) {
    case FRAMING_LENGTH:
      return `Content-Length: ${facts.bodyLength}\r\n`
    case FRAMING_CHUNKED:
      return 'Transfer-Encoding: chunked\r\n'
    case FRAMING_NONE:
      return hasLength || !facts.bodyLength ? '' : `Content-Length: ${facts.bodyLength}\r\n`
    default:
      return ''
  }
}

function connectionLine(facts: HeadFacts): string {
  return facts.connection === '' ? '' : `Connection: ${facts.connection}\r\n`
}

const standardLines = new Map(
  Object.entries(STATUS_CODES).map(([code, text]) => [
    Number(code),
    `HTTP/1.1 ${code} ${text}\r\n`,
  ]),
)

function statusLine(status: number, reason: string): string {
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw new RangeError('a final status is a number from 200 to 599')
  }
  if (reason === '' || reason === STATUS_CODES[status]) {
    return standardLines.get(status) ?? `HTTP/1.1 ${status} \r\n`
  }
  if (UNSAFE.test(reason)) throw new Error('a reason holds a character that is not allowed')
  return `HTTP/1.1 ${status} ${reason}\r\n`
}
