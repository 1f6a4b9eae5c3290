import type { RawHeaders } from '../../model/http-message.ts'

/** Takes a cookie out of all Cookie fields; a field that held nothing else goes with it. */
export function removeCookie(headers: RawHeaders, name: string): void {
  for (let i = headers.length - 2; i >= 0; i -= 2) {
    if (headers[i]?.toLowerCase() !== 'cookie') continue
    const parts = headers[i + 1]?.split(';') ?? []
    const left = parts.filter((part) => nameOf(part) !== name)
    if (left.length === parts.length) continue
    if (left.length === 0) headers.splice(i, 2)
    else headers[i + 1] = left.join(';').trim()
  }
}

function nameOf(part: string): string {
  const equals = part.indexOf('=')
  return (equals === -1 ? part : part.slice(0, equals)).trim()
}
