import type { RawHeaders } from '../model/http-message.ts'

/** What the header fields of a response say. */
export interface NodeResponse {
  readonly headers: RawHeaders
  /** Neither a length nor chunks: only the end of the connection tells where the body ends. */
  readonly endsWithConnection: boolean
  /** The node lets the connection live on. */
  readonly keepAlive: boolean
}

const MAX_STATUS = 599

/**
 * Reads what matters of a response head. Undefined if the message is one that two readers could
 * frame differently; undici's parser has refused most of those.
 */
export function readResponse(
  status: number,
  raw: unknown,
  hasNoBody: boolean,
): NodeResponse | undefined {
  const headers = readFields(raw)
  const seen = { framed: hasNoBody || status === 204 || status === 304, close: false, codings: 0 }
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const kind = fieldOf(headers[i] ?? '')
    if (kind !== undefined) note(seen, kind, headers[i + 1] ?? '')
  }
  if (status > MAX_STATUS || seen.codings > 1) return undefined
  return { headers, endsWithConnection: !seen.framed, keepAlive: seen.framed && !seen.close }
}

function note(
  seen: { framed: boolean; close: boolean; codings: number },
  kind: 'length' | 'coding' | 'connection',
  value: string,
): void {
  if (kind === 'connection') {
    seen.close ||= /\bclose\b/i.test(value)
    return
  }
  seen.framed = true
  // `chunked`, once, is the only coding that can be forwarded without being undone.
  if (kind === 'coding') seen.codings += value.toLowerCase() === 'chunked' ? 1 : 2
}

/** undici's raw fields as strings, one character per byte. */
export function readFields(raw: unknown): RawHeaders {
  return Array.isArray(raw) ? (raw as (Buffer | string)[]).map(toText) : []
}

/** Which of the fields that matter here this is, by its length before anything dearer. */
function fieldOf(name: string): 'length' | 'coding' | 'connection' | undefined {
  switch (name.length) {
    case 10:
      return name.toLowerCase() === 'connection' ? 'connection' : undefined
    case 14:
      return name.toLowerCase() === 'content-length' ? 'length' : undefined
    case 17:
      return name.toLowerCase() === 'transfer-encoding' ? 'coding' : undefined
    default:
      return undefined
  }
}

function toText(field: Buffer | string): string {
  return typeof field === 'string' ? field : field.toString('latin1')
}
