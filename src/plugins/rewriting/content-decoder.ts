import { promisify } from 'node:util'
import { brotliDecompress, gunzip } from 'node:zlib'
import type { RawHeaders } from '../../model/http-message.ts'
import { fieldValue } from '../../support/header-fields.ts'

/** Turns an encoded body into the plain one; rejects for one that is larger than its limit, or broken. */
export type ContentDecoder = (bytes: Buffer) => Buffer | Promise<Buffer>

const gunzipLater = promisify(gunzip)
const brotliLater = promisify(brotliDecompress)

/** How to read a body with these fields; undefined for an encoding that can't be read. */
export function findDecoder(
  headers: RawHeaders,
  maxOutputLength: number,
): ContentDecoder | undefined {
  const encoding = fieldValue(headers, 'content-encoding')?.trim().toLowerCase() ?? 'identity'
  switch (encoding) {
    case '':
    case 'identity':
      return (bytes) => bytes
    case 'gzip':
    case 'x-gzip':
      return (bytes) => (bytes.length === 0 ? bytes : gunzipLater(bytes, { maxOutputLength }))
    case 'br':
      return (bytes) => (bytes.length === 0 ? bytes : brotliLater(bytes, { maxOutputLength }))
    default:
      return undefined
  }
}
