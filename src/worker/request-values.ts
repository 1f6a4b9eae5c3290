import type { RawHeaders } from '../model/http-message.ts'
import { fieldValues } from '../support/header-fields.ts'
import { decodeArgument } from '../support/query-arguments.ts'

/** Query arguments, decoded; the values of a repeated name in their order. `a` alone is `a=`. */
export function parseArgs(query: string): ReadonlyMap<string, readonly string[]> {
  const args = new Map<string, string[]>()
  if (query === '') return args
  for (const part of query.split('&')) {
    if (part === '') continue
    const equals = part.indexOf('=')
    const name = decodeArgument(equals === -1 ? part : part.slice(0, equals))
    const value = equals === -1 ? '' : decodeArgument(part.slice(equals + 1))
    const known = args.get(name)
    if (known === undefined) args.set(name, [value])
    else known.push(value)
  }
  return args
}

/** Cookies of all Cookie fields (RFC 6265, section 5.4), undecoded; the first of a name counts. */
export function parseCookies(headers: RawHeaders): ReadonlyMap<string, string> {
  const cookies = new Map<string, string>()
  for (const field of fieldValues(headers, 'cookie')) {
    for (const part of field.split(';')) {
      const equals = part.indexOf('=')
      if (equals === -1) continue
      const name = part.slice(0, equals).trim()
      if (name !== '' && !cookies.has(name))
        cookies.set(name, unquoted(part.slice(equals + 1).trim()))
    }
  }
  return cookies
}

function unquoted(value: string): string {
  const quoted = value.length > 1 && value.startsWith('"') && value.endsWith('"')
  return quoted ? value.slice(1, -1) : value
}
