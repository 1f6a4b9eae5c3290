import type { RequestContext } from '../../model/request-context.ts'
import { Type } from '../../model/schema-builder.ts'
import {
  addField,
  fieldValue,
  fieldValues,
  removeField,
  setField,
} from '../../support/header-fields.ts'
import type { ResponseHead } from '../contract.ts'

/** Attributes that say which answers are compressed; the same for every method. */
export const COMPRESSIBLE = {
  types: Type.Unsafe<string[] | '*'>({
    anyOf: [
      { type: 'array', minItems: 1, items: { type: 'string', minLength: 1 } },
      { enum: ['*'] },
    ],
    default: ['text/html'],
    description: 'Types of content to compress; `*` is any.',
  }),
  min_length: Type.Integer({
    minimum: 1,
    default: 20,
    description: 'Bytes of the shortest body to compress, where the length is known.',
  }),
  http_version: Type.Unsafe<number>({
    enum: [1.1, 1],
    default: 1.1,
    description: 'Lowest version of HTTP of requests to compress for.',
  }),
  vary: Type.Optional(
    Type.Boolean({ description: 'Add `Vary: Accept-Encoding` to what is compressed for some.' }),
  ),
}

interface CompressibleConfig {
  types: readonly string[] | '*'
  min_length: number
  http_version: number
}

/** Answers without a body, or with a part of one: an encoding is of the whole. */
const NEVER = new Set([204, 206, 304])

/** Says whether an answer may be compressed, for a client that takes it. */
export function compileCompressible(
  { types, min_length: minLength, http_version: minVersion }: CompressibleConfig,
  statuses?: ReadonlySet<number>,
): (request: RequestContext, head: ResponseHead) => boolean {
  const wanted = types === '*' ? undefined : new Set(types.map((type) => type.toLowerCase()))

  return (request, head) => {
    const { headers, status, bodyLength } = head
    if (request.method === 'HEAD' || NEVER.has(status)) return false
    if (statuses?.has(status) === false) return false
    if (bodyLength !== undefined && bodyLength < minLength) return false
    if (Number(request.httpVersion) < minVersion) return false
    const type = fieldValue(headers, 'content-type')
    if (type === undefined || wanted?.has(mediaType(type)) === false) return false
    return isWhole(headers) && !isFixed(headers)
  }
}

function isWhole(headers: ResponseHead['headers']): boolean {
  const encoding = fieldValue(headers, 'content-encoding')
  return encoding === undefined && fieldValue(headers, 'content-range') === undefined
}

function mediaType(contentType: string): string {
  const end = contentType.indexOf(';')
  return (end === -1 ? contentType : contentType.slice(0, end)).trim().toLowerCase()
}

/** RFC 9111, section 5.2.2.6: nobody on the way may change the content. */
function isFixed(headers: ResponseHead['headers']): boolean {
  return fieldValues(headers, 'cache-control').some((value) => /\bno-transform\b/i.test(value))
}

/** Adds `Vary: Accept-Encoding`, unless the answer says so already. */
export function varyByEncoding({ headers }: ResponseHead): void {
  const isSaid = fieldValues(headers, 'vary').some((value) =>
    value.split(',').some((name) => /^\s*(?:\*|accept-encoding)\s*$/i.test(name)),
  )
  if (!isSaid) addField(headers, 'Vary', 'Accept-Encoding')
}

/** Says in the head that the body is encoded, and no longer what it was byte by byte. */
export function announceEncoding({ headers }: ResponseHead, coding: string): void {
  setField(headers, 'Content-Encoding', coding)
  removeField(headers, 'accept-ranges')
  const etag = fieldValue(headers, 'etag')
  if (etag === undefined || /^W\/"[^"]*"$/.test(etag)) return
  if (/^"[^"]*"$/.test(etag)) setField(headers, 'ETag', `W/${etag}`)
  else removeField(headers, 'etag')
}
