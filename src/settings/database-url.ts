import { isIPv6 } from 'node:net'
import { toInteger } from './setting.ts'

const SESSION_ATTRS = ['any', 'read-write', 'read-only', 'primary', 'standby', 'prefer-standby']

/**
 * Checks the shape of `postgres://user:password@host:port,host:port/database?parameters`, which the
 * URL class cannot read because of its several hosts. Returns it unchanged; throws without
 * repeating any of it, since it holds a password.
 */
export function decodeDatabaseUrl(text: string): string {
  if (/[\s\p{Cc}]/u.test(text)) throw new Error('has white space in it')
  if (text.includes('#')) throw new Error('has a # that is not written %23')
  const parts = /^postgres(?:ql)?:\/\/(?<authority>[^/?]*)[^?]*(?:\?(?<query>.*))?$/.exec(
    text,
  )?.groups
  if (parts === undefined) throw new Error('does not begin with postgres://')
  try {
    decodeURIComponent(text)
  } catch (cause) {
    throw new Error('has a % that is not written %25', { cause })
  }
  const authority = parts['authority'] ?? ''
  const hosts = authority.slice(authority.lastIndexOf('@') + 1)
  const parameters = new URLSearchParams(parts['query'])
  checkSessionAttrs(parameters.get('target_session_attrs') ?? 'any')
  // A Unix socket is named by a parameter: ?host=/run/postgresql.
  if (hosts !== '' || !parameters.has('host')) hosts.split(',').forEach(checkHost)
  return text
}

function checkSessionAttrs(text: string): void {
  if (SESSION_ATTRS.includes(text)) return
  throw new Error(`has a target_session_attrs that is none of ${SESSION_ATTRS.join(', ')}`)
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
