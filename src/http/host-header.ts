import { isIPv6 } from 'node:net'
import { HOST } from './characters.ts'

const DOT = 46
const MAX_PORT = 65_535
const MAX_PORT_DIGITS = 5

/**
 * Tells if a Host value (or the authority of an absolute-form target) is `host` or `host:port`
 * with a name, an IPv4 address or a bracketed IPv6 address. Stricter than RFC 3986: no user
 * information, no escapes, no empty labels, no empty or zero port.
 */
export function isValidAuthority(authority: string): boolean {
  if (authority.charCodeAt(0) === 91) return isValidIpLiteral(authority)
  const end = endOfName(authority)
  return end > 0 && isValidPort(authority, end)
}

/** Where the name ends: at the colon or the end of the string; -1 if it is no name. */
function endOfName(authority: string): number {
  let previous = DOT
  for (let i = 0; i < authority.length; i++) {
    const code = authority.charCodeAt(i)
    if (code === 58) return i
    // Codes of a latin1 string stay below 256, so the table always has an entry.
    if (HOST[code] !== 1 || (code === DOT && previous === DOT)) return -1
    previous = code
  }
  return authority.length
}

function isValidIpLiteral(authority: string): boolean {
  const close = authority.indexOf(']')
  if (close < 0) return false
  const address = authority.slice(1, close)
  // A zone means something to its own host only (RFC 6874), never to a peer.
  return isIPv6(address) && !address.includes('%') && isValidPort(authority, close + 1)
}

function isValidPort(authority: string, colon: number): boolean {
  if (colon === authority.length) return true
  const digits = authority.length - colon - 1
  if (authority.charCodeAt(colon) !== 58 || digits === 0 || digits > MAX_PORT_DIGITS) return false
  let port = 0
  for (let i = colon + 1; i < authority.length; i++) {
    const digit = authority.charCodeAt(i) - 48
    if (digit < 0 || digit > 9) return false
    port = port * 10 + digit
  }
  return port > 0 && port <= MAX_PORT
}

/** Tells if two valid authorities mean the same place for a scheme whose default port is given. */
export function isSameAuthority(a: string, b: string, defaultPort: string): boolean {
  return a === b || canonical(a, defaultPort) === canonical(b, defaultPort)
}

function canonical(authority: string, defaultPort: string): string {
  const lower = authority.toLowerCase()
  const suffix = `:${defaultPort}`
  return lower.endsWith(suffix) ? lower.slice(0, -suffix.length) : lower
}
