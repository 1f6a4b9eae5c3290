import { HeadParser } from '../../src/http/head-parser.ts'
import { DEFAULT_HTTP_LIMITS, type HttpLimits } from '../../src/http/limits.ts'
import { RequestBody } from '../../src/http/request-body.ts'
import type { RequestHead } from '../../src/http/request-head.ts'
import type { RawHeaders } from '../../src/model/http-message.ts'

export interface ParsedRequest {
  method: string
  target: string
  httpVersion: string
  headers: RawHeaders
  authority: string
  keepAlive: boolean
  expectsContinue: boolean
  body: string
  trailers: RawHeaders
  complete: boolean
}

export interface Parsed {
  requests: ParsedRequest[]
  refusal: { status: number; reason: string } | undefined
  /** True when the input ended within a head. */
  inHead: boolean
}

/** Parses requests, one after the other, from input given in pieces, as a connection does. */
export function parsePieces(pieces: readonly Buffer[], limits: Partial<HttpLimits> = {}): Parsed {
  const allLimits = { ...DEFAULT_HTTP_LIMITS, ...limits }
  const parser = new HeadParser(allLimits)
  const requests: ParsedRequest[] = []
  let body: RequestBody | undefined
  let refusal: Parsed['refusal']

  const begin = (head: RequestHead) => {
    const request = { ...fieldsOf(head), body: '', trailers: [] as RawHeaders, complete: true }
    requests.push(request)
    if (!head.chunked && head.contentLength <= 0) return
    request.complete = false
    body = new RequestBody({ bodyFlows: () => undefined }, head.contentLength, allLimits)
    body.start({
      onData(chunk) {
        request.body += chunk.toString('latin1')
        return true
      },
      onEnd(trailers) {
        request.trailers = trailers
        request.complete = true
      },
      onError: () => undefined,
    })
  }
  const step = (bytes: Buffer, from: number): number => {
    if (body !== undefined) {
      const end = body.feed(bytes, from)
      refusal = body.refusal
      if (body.complete) body = undefined
      return end
    }
    const end = parser.feed(bytes, from)
    refusal = parser.refusal
    const head = parser.take()
    if (head !== undefined) begin(head)
    return end
  }
  for (const piece of pieces) {
    // The decoder works in place; the caller's bytes stay as they are.
    const bytes = Buffer.from(piece)
    let position = 0
    while (position < bytes.length && refusal === undefined) position = step(bytes, position)
    if (refusal !== undefined) break
  }
  return { requests, refusal, inHead: parser.started }
}

export function parseText(text: string, limits?: Partial<HttpLimits>): Parsed {
  return parsePieces([Buffer.from(text, 'latin1')], limits)
}

function fieldsOf(head: RequestHead) {
  const { method, target, httpVersion, headers, authority, keepAlive, expectsContinue } = head
  return { method, target, httpVersion, headers, authority, keepAlive, expectsContinue }
}
