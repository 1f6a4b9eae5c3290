import { isIPv6 } from 'node:net'
import { toInteger } from './setting.ts'

/**
 * Checks the shape of `postgres://user:password@host:port,host:port/database?parameters`, which the
 * URL class cannot read because of its several hosts. Returns it unchanged; throws without
 * repeating any of it, since it holds a password.
 */
export function decodeDatabaseUrl(text: string): string {
  if (/[\s\p{Cc}]/u.test(text)) throw new Error('has white space in it')
  const rest = /^postgres(?:ql)?:\/\/(?<rest>.*)$/.exec(text)?.groups?.['rest']
  if (rest === undefined) throw new Error('does not begin with postgres://')
  const authority = /^[^/?#]*/.exec(rest)?.[0] ?? ''
  if (rest.includes('#')) throw new Error('has a # that is not written %23')
  if (authority.split('@').length > 2)
    throw new Error('has an @ in the password that is not written %40')
  try {
    decodeURIComponent(rest)
  } catch (cause) {
    throw new Error('has a % that is not written %25', { cause })
  }
  for (const host of hostsOf(authority)) checkHost(host)
  return text
}

function hostsOf(authority: string): string[] {
  return authority.slice(authority.lastIndexOf('@') + 1).split(',')
}

function checkHost(text: string): void {
  const parts = /^(?<host>\[[^\]]*\]|[^[\]:]*)(?::(?<port>.*))?$/.exec(text)?.groups
  const host = parts?.['host'] ?? ''
  if (host === '') throw new Error('has no host name')
  if (host.startsWith('[') && !isIPv6(host.slice(1, -1))) throw new Error('has a bad IPv6 host')
  const port = parts?.['port']
  if (port === undefined) return
  try {
    toInteger(port, 1, 65_535)
  } catch (cause) {
    throw new Error('has a port that is not 1 to 65535', { cause })
  }
}
