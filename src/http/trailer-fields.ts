import type { RawHeaders } from '../model/http-message.ts'

/** Framing, routing, authentication and content fields (RFC 9110 section 6.5.1), and what proxies add. */
const FORBIDDEN = new Set([
  'age',
  'authorization',
  'cache-control',
  'connection',
  'cookie',
  'date',
  'expect',
  'expires',
  'forwarded',
  'host',
  'http2-settings',
  'keep-alive',
  'location',
  'max-forwards',
  'pragma',
  'range',
  'retry-after',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'vary',
  'via',
  'www-authenticate',
  'x-real-ip',
])
const FORBIDDEN_PREFIXES = ['content-', 'if-', 'proxy-', 'x-forwarded-']

/** Tells if a field must not come in trailers: a receiver that merges them would let it override the head. */
export function isForbiddenTrailer(name: string): boolean {
  const lower = name.toLowerCase()
  return FORBIDDEN.has(lower) || FORBIDDEN_PREFIXES.some((prefix) => lower.startsWith(prefix))
}

export function hasForbiddenTrailer(trailers: RawHeaders): boolean {
  for (let i = 0; i < trailers.length; i += 2) {
    if (isForbiddenTrailer(trailers[i] as string)) return true
  }
  return false
}
