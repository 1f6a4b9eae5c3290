import { isIP, isIPv4, isIPv6 } from 'node:net'
import { toInteger } from './setting.ts'

export interface ListenAddress {
  /** IP address or host name, without brackets. */
  host: string
  /** 0 = any free port. */
  port: number
}

/** Completes "allowed: …" for one address. */
export const LISTEN_ADDRESS_FORMS =
  'HOST:PORT, [IPv6]:PORT or :PORT (all addresses), port 0 to 65535'

/** ':9080' listens on all addresses of both families: '::' is dual-stack on all systems we run on. */
const ALL_ADDRESSES = '::'

/** Decodes one listen address; throws an Error that says what is wrong with it. */
export function decodeListenAddress(text: string): ListenAddress {
  const parts = /^(?<host>\[[^\]]*\]|[^[\]:]*):(?<port>[^:]*)$/.exec(text)?.groups
  if (parts === undefined) throw new Error(whyNoAddress(text))
  return { host: decodeHost(parts['host'] ?? ''), port: decodePort(parts['port'] ?? '') }
}

/** Decodes a comma-separated list without duplicates. */
export function decodeListenAddresses(text: string): ListenAddress[] {
  const addresses = text.split(',').map((item) => decodeListenAddress(item.trim()))
  for (const [i, address] of addresses.entries()) {
    const other = addresses.slice(0, i).find((earlier) => listenersCollide(earlier, address))
    if (other === undefined) continue
    const [first, second] = [formatListenAddress(other), formatListenAddress(address)]
    throw new Error(first === second ? `${first} is there twice` : `${second} is part of ${first}`)
  }
  return addresses
}

export function formatListenAddress({ host, port }: ListenAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** True when both cannot be bound: the same port, on the same address or on all of them. */
export function listenersCollide(a: ListenAddress, b: ListenAddress): boolean {
  if (a.port !== b.port || a.port === 0) return false
  return a.host === b.host || includesHost(a.host, b.host) || includesHost(b.host, a.host)
}

/** '::' is dual-stack and so has every address; 0.0.0.0 has those of IPv4 (a name may be one). */
function includesHost(all: string, host: string): boolean {
  return all === ALL_ADDRESSES || (all === '0.0.0.0' && !isIPv6(host))
}

function whyNoAddress(text: string): string {
  if (text === '') return 'an address is empty'
  if (isIPv6(text) || text.split(':').length > 2) return 'an IPv6 address needs brackets'
  return 'the port is missing'
}

function decodeHost(text: string): string {
  if (text === '') return ALL_ADDRESSES
  if (text.startsWith('[')) {
    const address = text.slice(1, -1)
    if (!isIPv6(address)) throw new Error('what is in brackets is not an IPv6 address')
    return address
  }
  const looksNumeric = /^[\d.]+$/.test(text)
  if (looksNumeric && !isIPv4(text)) throw new Error('not an IPv4 address')
  if (isIP(text) === 0 && !/^[a-z\d]([a-z\d.-]*[a-z\d])?$/i.test(text)) {
    throw new Error('not a host name')
  }
  return text
}

function decodePort(text: string): number {
  if (text === '') throw new Error('the port is missing')
  try {
    return toInteger(text, 0, 65_535)
  } catch (cause) {
    throw new Error('not a port', { cause })
  }
}
