import type { RawHeaders } from '../model/http-message.ts'

/** Fields that framing and connection management own, by length: cheaper than a Set of all names. */
const OWNED: readonly (readonly string[])[] = [
  [],
  [],
  [],
  [],
  ['host'],
  [],
  ['expect'],
  ['upgrade'],
  [],
  [],
  ['connection', 'keep-alive'],
  [],
  [],
  [],
  ['content-length'],
  [],
  [],
  ['transfer-encoding'],
]

/** A copy of `headers` with our own Host and, if given, Content-Length instead of any it had. */
export function nodeHeaders(
  headers: RawHeaders,
  host: string,
  contentLength: number | undefined,
): RawHeaders {
  const own: RawHeaders = []
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? ''
    if (!isOwned(name)) own.push(name, headers[i + 1] ?? '')
  }
  own.push('host', host)
  if (contentLength !== undefined) own.push('content-length', `${contentLength}`)
  return own
}

function isOwned(name: string): boolean {
  const names = OWNED[name.length]
  return names !== undefined && names.length > 0 && names.includes(name.toLowerCase())
}
