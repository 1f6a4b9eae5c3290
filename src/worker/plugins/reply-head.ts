import type { RawHeaders } from '../../model/http-message.ts'
import type { Reply, ResponseHead } from '../../plugins/contract.ts'
import { fieldValue } from '../../support/header-fields.ts'
import { STATUS_CODES } from '../../support/node-http.ts'

/** The head of an answer while plugins may still change it. */
export class MutableHead implements ResponseHead {
  status: number
  reason: string
  readonly headers: RawHeaders
  readonly fromNode: boolean
  /** Set once a plugin has put another body in place. */
  replacement: Buffer | undefined
  readonly #length: number | undefined

  constructor(
    status: number,
    reason: string,
    headers: RawHeaders,
    length: number | undefined,
    fromNode: boolean,
  ) {
    this.status = status
    this.reason = reason
    this.headers = headers
    this.#length = length
    this.fromNode = fromNode
  }

  get bodyLength(): number | undefined {
    return this.replacement?.length ?? this.#length
  }

  replaceBody(body: string | Buffer): void {
    this.replacement = toBytes(body)
  }
}

/** @throws TypeError for what has no length in bytes: the frame would be wrong. */
export function toBytes(body: string | Buffer): Buffer {
  if (typeof body === 'string') return Buffer.from(body)
  if (body instanceof Uint8Array) return body
  throw new TypeError('a body is a string or bytes')
}

const TEXT = 'text/plain; charset=utf-8'
const JSON_TYPE = 'application/json; charset=utf-8'

/**
 * What a plugin's reply looks like on the wire. `text` is its body, or the one that the plugin's
 * configuration puts in its place; an error without any gets APISIX's error shape.
 */
export function encodeReply(reply: Reply, text: unknown): { headers: RawHeaders; bytes: Buffer } {
  const body = text ?? (reply.status < 400 ? '' : errorBody(reply.status))
  const headers = fieldsOf(reply)
  if (body === '') return { headers, bytes: Buffer.alloc(0) }
  const isText = typeof body === 'string' || Buffer.isBuffer(body)
  if (fieldValue(headers, 'content-type') === undefined) {
    headers.push('content-type', isText ? TEXT : JSON_TYPE)
  }
  if (Buffer.isBuffer(body)) return { headers, bytes: body }
  return { headers, bytes: Buffer.from(isText ? String(body) : JSON.stringify(body)) }
}

function fieldsOf({ headers = {} }: Reply): RawHeaders {
  return Object.entries(headers).flatMap(([name, value]) =>
    typeof value === 'string' ? [name, value] : value.flatMap((one) => [name, one]),
  )
}

/** `{"error_msg":"502 Bad Gateway"}`. */
export function errorBody(status: number, message = STATUS_CODES[status] ?? 'Error'): unknown {
  return { error_msg: `${status} ${message}` }
}
