import type { ClientConnection, RawHeaders } from '../model/http-message.ts'
import type { Exchange } from './exchange.ts'
import { isNamed } from './field-name.ts'

// What becomes of a field of a request on its way to a node.
const PASS = 0
/** Hop-by-hop, or written anew by us. */
const DROP = 1
const FORWARDED_FOR = 2
/** Set by us; a trusted peer's word is kept. */
const FORWARDED_PROTO = 3
const FORWARDED_HOST = 4
const FORWARDED_PORT = 5
const REAL_IP = 6

/**
 * How what a peer says of itself is named while plugins have it, by fate: a plugin that sets such a
 * field anew names it otherwise, and is believed even if the peer said the same.
 */
const CLAIMS: readonly (string | undefined)[] = [
  undefined,
  undefined,
  undefined,
  'x-FORWARDED-Proto',
  'x-FORWARDED-Host',
  'x-FORWARDED-Port',
  'x-REAL-IP',
]

interface NamedFate {
  readonly name: string
  readonly fate: number
}

/** By length of the name: for most fields one look is all the work. */
type FateTable = readonly (readonly NamedFate[] | undefined)[]

const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'trailer',
  'transfer-encoding',
  'upgrade',
].map((name) => ({ name, fate: DROP }))

const RESPONSE_FATES = tableOf(HOP_BY_HOP)
const REQUEST_FATES = tableOf([
  ...HOP_BY_HOP,
  { name: 'expect', fate: DROP },
  { name: 'host', fate: DROP },
  { name: 'http2-settings', fate: DROP },
  { name: 'proxy-authorization', fate: DROP },
  { name: 'te', fate: DROP },
  { name: 'x-forwarded-for', fate: FORWARDED_FOR },
  { name: 'x-forwarded-proto', fate: FORWARDED_PROTO },
  { name: 'x-forwarded-host', fate: FORWARDED_HOST },
  { name: 'x-forwarded-port', fate: FORWARDED_PORT },
  { name: 'x-real-ip', fate: REAL_IP },
])

/**
 * Fields that a Connection header may not name: removing them would change what the message means
 * (or, for ours, hide the client). Such options are ignored.
 */
const END_TO_END = new Set([
  'authorization',
  'cache-control',
  'cookie',
  'date',
  'etag',
  'forwarded',
  'host',
  'location',
  'origin',
  'range',
  'set-cookie',
  'vary',
  'via',
  'www-authenticate',
  'x-real-ip',
])

/**
 * Builds the fields a node gets for a request: without what belongs to the client's connection,
 * with the forwarding fields last. A `trusted` peer is a proxy of ours: its X-Forwarded-Proto,
 * -Host, -Port and X-Real-IP are kept. X-Forwarded-For is always appended to.
 */
export function forwardedRequestHeaders(exchange: Exchange, trusted: boolean): RawHeaders {
  const { headers, connection } = exchange
  const named = connectionOptions(headers)
  const result: RawHeaders = []
  let forwardedFor = ''
  let kept = 0
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string
    const value = headers[i + 1] as string
    const fate = fateOf(REQUEST_FATES, name)
    if (fate === FORWARDED_FOR) {
      if (value !== '') forwardedFor += `${value}, `
      continue
    }
    if (!passes(fate, trusted) || isOption(named, name)) continue
    kept |= 1 << fate
    result.push(name, value)
  }
  result.push('X-Forwarded-For', forwardedFor + connection.remoteAddress)
  pushForwarding(result, connection, exchange.authority, connection.remoteAddress, kept)
  return result
}

/**
 * The first half of `forwardedRequestHeaders`, for requests with plugins: a copy of the fields
 * without what belongs to the client's connection; plugins see what the client says of itself. Made
 * before plugins add fields, since a client's Connection header must not name theirs.
 */
export function endToEndHeaders(headers: RawHeaders): RawHeaders {
  const named = connectionOptions(headers)
  const result: RawHeaders = []
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string
    const fate = fateOf(REQUEST_FATES, name)
    if (fate === DROP || isOption(named, name)) continue
    result.push(CLAIMS[fate] ?? name, headers[i + 1] as string)
  }
  return result
}

/**
 * The second half: adds the forwarding fields, in place, but for those that plugins or a trusted
 * peer set; an untrusted peer's are known by name and value. One that was set to nothing is not
 * sent at all: so a plugin removes it.
 */
export function addForwarding(
  headers: RawHeaders,
  { connection, authority, headers: received }: Exchange,
  trusted: boolean,
  remoteAddress: string,
): void {
  let forwardedFor = ''
  let kept = 0
  let end = 0
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string
    const value = headers[i + 1] as string
    const fate = fateOf(REQUEST_FATES, name)
    if (fate === FORWARDED_FOR) {
      if (value !== '') forwardedFor += `${value}, `
      continue
    }
    if (!trusted && name === CLAIMS[fate] && wasSaid(received, fate, value)) continue
    kept |= 1 << fate
    if (value === '' && fate !== PASS) continue
    headers[end++] = name
    headers[end++] = value
  }
  headers.length = end
  headers.push('X-Forwarded-For', forwardedFor + remoteAddress)
  pushForwarding(headers, connection, authority, remoteAddress, kept)
}

/** Whether the peer itself said this; of its other fields any may have the same value. */
function wasSaid(received: RawHeaders, fate: number, value: string): boolean {
  for (let i = 0; i < received.length; i += 2) {
    if (received[i + 1] === value && fateOf(REQUEST_FATES, received[i] as string) === fate) {
      return true
    }
  }
  return false
}

/** Says where the request came from, but for what is `kept` (a bit per fate). */
function pushForwarding(
  headers: RawHeaders,
  connection: ClientConnection,
  authority: string,
  remoteAddress: string,
  kept: number,
): void {
  if ((kept & (1 << FORWARDED_PROTO)) === 0) {
    headers.push('X-Forwarded-Proto', connection.encrypted ? 'https' : 'http')
  }
  if ((kept & (1 << FORWARDED_HOST)) === 0 && authority !== '') {
    headers.push('X-Forwarded-Host', authority)
  }
  if ((kept & (1 << FORWARDED_PORT)) === 0) {
    headers.push('X-Forwarded-Port', String(connection.localPort))
  }
  if ((kept & (1 << REAL_IP)) === 0) headers.push('X-Real-IP', remoteAddress)
}

/** The fields of a node's response without those that belong to the node's connection. */
export function responseHeaders(headers: RawHeaders): RawHeaders {
  const named = connectionOptions(headers)
  const result: RawHeaders = []
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string
    if (fateOf(RESPONSE_FATES, name) === DROP || isOption(named, name)) continue
    result.push(name, headers[i + 1] as string)
  }
  return result
}

/** Lower-case names that Connection fields list and that may go; undefined in the common case of none. */
function connectionOptions(headers: RawHeaders): string[] | undefined {
  let options: string[] | undefined
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string
    if (name.length !== 10 || !isNamed(name, 'connection')) continue
    const value = (headers[i + 1] as string).toLowerCase()
    if (value === 'keep-alive' || value === 'close') continue
    for (const part of value.split(',')) {
      const option = part.trim()
      if (option === '' || isEndToEnd(option)) continue
      options ??= []
      options.push(option)
    }
  }
  return options
}

function isEndToEnd(option: string): boolean {
  return (
    END_TO_END.has(option) || option.startsWith('content-') || option.startsWith('x-forwarded-')
  )
}

function isOption(options: string[] | undefined, name: string): boolean {
  return options?.includes(name.toLowerCase()) === true
}

function passes(fate: number, trusted: boolean): boolean {
  return fate === PASS || (trusted && fate >= FORWARDED_PROTO)
}

function fateOf(table: FateTable, name: string): number {
  const candidates = table[name.length]
  if (candidates === undefined) return PASS
  for (const candidate of candidates) {
    if (isNamed(name, candidate.name)) return candidate.fate
  }
  return PASS
}

function tableOf(fates: readonly NamedFate[]): FateTable {
  const table: NamedFate[][] = []
  for (const fate of fates) {
    const sameLength = table[fate.name.length] ?? []
    table[fate.name.length] = [...sameLength, fate]
  }
  return table
}
