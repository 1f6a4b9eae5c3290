import type { RawHeaders } from '../model/http-message.ts'
import { isNamed } from './field-name.ts'
import { isValidAuthority } from './host-header.ts'
import { REFUSALS, type Refusal } from './refusal.ts'
import { reduceTarget } from './request-target.ts'

const MAX_LENGTH_DIGITS = 16

/** What a request head says, once its syntax is known to be sound. */
export class RequestHead {
  readonly method: string
  /** As received; `interpretHead` brings it to origin-form or `*`. */
  target: string
  readonly httpVersion: '1.0' | '1.1'
  readonly headers: RawHeaders
  authority = ''
  hasHost = false
  hasAuthorization = false
  /** Announced body length; -1 = not announced. */
  contentLength = -1
  chunked = false
  asksToClose = false
  asksToKeepAlive = false
  expectsContinue = false
  /** Bytes of the request line and the fields. */
  size = 0

  constructor(method: string, target: string, httpVersion: '1.0' | '1.1', headers: RawHeaders) {
    this.method = method
    this.target = target
    this.httpVersion = httpVersion
    this.headers = headers
  }

  get keepAlive(): boolean {
    return !this.asksToClose && (this.httpVersion === '1.1' || this.asksToKeepAlive)
  }
}

/** Fills in what the fields say. Refuses what two parsers could read in two ways. */
export function interpretHead(head: RequestHead): Refusal | undefined {
  const headers = head.headers
  for (let i = 0; i < headers.length; i += 2) {
    const fault = interpretField(head, headers[i] as string, headers[i + 1] as string)
    if (fault !== undefined) return fault
  }
  if (!head.hasHost && head.httpVersion === '1.1') return REFUSALS.noHost
  if (head.chunked && head.httpVersion === '1.0') return REFUSALS.oldTransferEncoding
  if (head.chunked && head.contentLength >= 0) return REFUSALS.bothFramings
  return reduceTarget(head)
}

/** The length of the name decides first: for most fields that is all the work. */
function interpretField(head: RequestHead, name: string, value: string): Refusal | undefined {
  switch (name.length) {
    case 4:
      return isNamed(name, 'host') ? readHost(head, value) : undefined
    case 6:
      return isNamed(name, 'expect') ? readExpect(head, value) : undefined
    case 10:
      if (isNamed(name, 'connection')) readConnection(head, value)
      return undefined
    case 13:
      return isNamed(name, 'authorization') ? readAuthorization(head) : undefined
    case 14:
      return isNamed(name, 'content-length') ? readContentLength(head, value) : undefined
    case 17:
      return isNamed(name, 'transfer-encoding') ? readTransferEncoding(head, value) : undefined
    default:
      return undefined
  }
}

function readHost(head: RequestHead, value: string): Refusal | undefined {
  if (head.hasHost) return REFUSALS.manyHosts
  head.hasHost = true
  head.authority = value
  return isValidAuthority(value) ? undefined : REFUSALS.host
}

function readExpect(head: RequestHead, value: string): Refusal | undefined {
  if (value.toLowerCase() !== '100-continue') return REFUSALS.expectation
  // RFC 9110 section 10.1.1: the expectation of an HTTP/1.0 client is ignored.
  head.expectsContinue = head.httpVersion === '1.1'
  return undefined
}

function readConnection(head: RequestHead, value: string): void {
  for (const option of value.split(',')) {
    const token = option.trim().toLowerCase()
    if (token === 'close') head.asksToClose = true
    else if (token === 'keep-alive') head.asksToKeepAlive = true
  }
}

/** Peers differ in which of several they believe. */
function readAuthorization(head: RequestHead): Refusal | undefined {
  if (head.hasAuthorization) return REFUSALS.manyAuthorizations
  head.hasAuthorization = true
  return undefined
}

/** Digits only: no sign, no list, no white space, and exact as a number. */
function readContentLength(head: RequestHead, value: string): Refusal | undefined {
  if (head.contentLength >= 0) return REFUSALS.manyContentLengths
  if (value.length === 0 || value.length > MAX_LENGTH_DIGITS) return REFUSALS.contentLength
  let length = 0
  for (let i = 0; i < value.length; i++) {
    const digit = value.charCodeAt(i) - 48
    if (digit < 0 || digit > 9) return REFUSALS.contentLength
    length = length * 10 + digit
  }
  if (length > Number.MAX_SAFE_INTEGER) return REFUSALS.contentLength
  head.contentLength = length
  return undefined
}

function readTransferEncoding(head: RequestHead, value: string): Refusal | undefined {
  if (head.chunked) return REFUSALS.manyTransferEncodings
  if (value.toLowerCase() !== 'chunked') return REFUSALS.transferEncoding
  head.chunked = true
  return undefined
}
