import type { ClientConfig } from 'pg'
import { GatewayError } from '../model/errors.ts'

const DEFAULT_PORT = 5432

const SESSION_ATTRS = [
  'any',
  'read-write',
  'read-only',
  'primary',
  'standby',
  'prefer-standby',
] as const

/** What kind of server is wanted, in libpq's words. */
export type SessionAttrs = (typeof SESSION_ATTRS)[number]

/** One server of a connection URL. `label` is for people: no credentials in it. */
export interface HostAddress {
  host: string
  port: number
  label: string
}

/** A connection URL taken apart. Holds the password: never log it. */
export interface ConnectionTarget {
  hosts: HostAddress[]
  session: SessionAttrs
  /** `connect_timeout` of the URL, in milliseconds. */
  connectTimeoutMs: number | undefined
  /** Configuration of a `pg` client for one of the hosts. */
  configFor(address: HostAddress): ClientConfig
}

/**
 * Reads a PostgreSQL URL as libpq does, several hosts included:
 * `postgres://u:p@h1:5432,h2,[::1]:5433/db?target_session_attrs=read-write&sslmode=require`.
 * https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
 * @throws GatewayError GW_SETTINGS_INVALID; its message holds no part of the credentials.
 */
export function parseConnectionTarget(url: string): ConnectionTarget {
  const parts = /^postgres(?:ql)?:\/\/(?:([^/?]*)@)?([^/?@]*)(?:\/([^?]*))?(?:\?(.*))?$/s.exec(url)
  if (parts === null) {
    throw invalid('expected postgres://user:password@host:port,host:port/database?option=value')
  }
  const [, credentials = '', authority = '', database = '', query = ''] = parts
  const options = readOptions(query)
  const session = takeSession(options)
  const connectTimeoutMs = takeTimeout(options)
  const hosts = readHosts(take(options, 'host') ?? authority, take(options, 'port'))
  // pg reads sslmode=require as verify-full unless told to read it as libpq does.
  if (options.has('sslmode') && !options.has('uselibpqcompat')) {
    options.set('uselibpqcompat', 'true')
  }
  const [user, password] = splitOnce(credentials, ':').map(decode)
  const login = user ? `${encode(user)}${password ? `:${encode(password)}` : ''}@` : ''

  return {
    hosts,
    session,
    connectTimeoutMs,
    configFor({ host, port }) {
      const name = host.includes(':') ? `[${host}]` : encode(host)
      return {
        connectionString: `postgres://${login}${name}:${port}/${encode(decode(database))}?${options}`,
      }
    },
  }
}

function readOptions(query: string): URLSearchParams {
  // In a URL of libpq "+" is itself, not a space.
  return new URLSearchParams(query.replaceAll('+', '%2B'))
}

function take(options: URLSearchParams, name: string): string | undefined {
  const value = options.get(name)
  options.delete(name)
  return value === null || value === '' ? undefined : value
}

function takeSession(options: URLSearchParams): SessionAttrs {
  const wanted = take(options, 'target_session_attrs') ?? 'any'
  const known = SESSION_ATTRS.find((name) => name === wanted)
  if (known === undefined) {
    throw invalid(`target_session_attrs must be one of ${SESSION_ATTRS.join(', ')}`)
  }
  return known
}

function takeTimeout(options: URLSearchParams): number | undefined {
  const seconds = take(options, 'connect_timeout')
  if (seconds === undefined) return undefined
  if (!/^\d{1,4}$/.test(seconds)) throw invalid('connect_timeout must be a number of seconds')
  return Number(seconds) === 0 ? undefined : Number(seconds) * 1000
}

function readHosts(list: string, ports: string | undefined): HostAddress[] {
  const sharedPorts = ports?.split(',') ?? []
  return list.split(',').map((entry, index) => {
    const parts = /^(?:\[([^\]]+)\]|([^:]*|[0-9a-fA-F:]+:[0-9a-fA-F:.]*))(?::(\d*))?$/.exec(entry)
    if (parts === null) throw invalid(`host ${index + 1} of the list is malformed`)
    const host = decode(parts[1] ?? parts[2] ?? '') || process.env['PGHOST'] || 'localhost'
    const port = parts[3] || sharedPorts[index] || sharedPorts[0] || process.env['PGPORT']
    return address(host, Number(port ?? DEFAULT_PORT), index)
  })
}

function address(host: string, port: number, index: number): HostAddress {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw invalid(`the port of host ${index + 1} must be 1 to 65535`)
  }
  return { host, port, label: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}` }
}

function splitOnce(text: string, separator: string): string[] {
  const at = text.indexOf(separator)
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 1)]
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw invalid('a "%" must begin a percent-encoded character (a literal one is %25)')
  }
}

function encode(text: string): string {
  return encodeURIComponent(text)
}

function invalid(reason: string): GatewayError {
  return new GatewayError('GW_SETTINGS_INVALID', `the database URL is not usable: ${reason}`)
}
