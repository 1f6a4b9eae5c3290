import { isIP, isIPv4, isIPv6 } from 'node:net'
import { ConfigError } from '../model/errors.ts'

const DOT = 46
const DIGIT_ZERO = 48
const IPV4_BITS = 32
const IPV6_BITS = 128
/** `::ffff:0:0/96`: IPv4 addresses as IPv6 sockets show them. */
const MAPPED_PREFIX = 0xffffn
const MAPPED_BITS = 96

/** Networks of one family by the length of their prefix: a look-up costs one probe a length. */
type Networks<N> = Map<number, Set<N>>

/**
 * Compiles addresses and CIDRs of both families to a predicate over addresses. An IPv4 address is the
 * same written as IPv6 (`::ffff:192.0.2.1`), on both sides; what is no address is in no set.
 * @throws ConfigError naming the entry that is none.
 */
export function compileIpSet(entries: readonly string[]): (address: string) => boolean {
  const v4: Networks<number> = new Map()
  const v6: Networks<bigint> = new Map()
  for (const entry of entries) add(entry, v4, v6)

  return (address) => {
    const number = parseIpv4(address)
    if (number !== undefined) return hasIpv4(v4, number)
    const long = parseIpv6(address)
    if (long === undefined) return false
    if (long >> BigInt(IPV4_BITS) === MAPPED_PREFIX) return hasIpv4(v4, lowWord(long))
    return hasIpv6(v6, long)
  }
}

function add(entry: string, v4: Networks<number>, v6: Networks<bigint>): void {
  const [address = '', prefix, ...rest] = entry.split('/')
  const family = isIP(address)
  const size = family === 4 ? IPV4_BITS : IPV6_BITS
  const bits = prefix === undefined ? size : Number(prefix)
  const isPrefix = prefix === undefined || /^\d{1,3}$/.test(prefix)
  if (family === 0 || rest.length > 0 || !isPrefix || bits > size) throw notAnAddress(entry)
  if (family === 4) {
    put(v4, bits, maskIpv4(parseIpv4(address) ?? 0, bits))
    return
  }
  const long = parseIpv6(address)
  if (long === undefined) throw notAnAddress(entry)
  if (bits >= MAPPED_BITS && long >> BigInt(IPV4_BITS) === MAPPED_PREFIX) {
    put(v4, bits - MAPPED_BITS, maskIpv4(lowWord(long), bits - MAPPED_BITS))
  } else {
    put(v6, bits, long >> BigInt(IPV6_BITS - bits))
  }
}

function put<N>(networks: Networks<N>, bits: number, network: N): void {
  const known = networks.get(bits)
  if (known === undefined) networks.set(bits, new Set([network]))
  else known.add(network)
}

function hasIpv4(networks: Networks<number>, address: number): boolean {
  for (const [bits, members] of networks) {
    if (members.has(maskIpv4(address, bits))) return true
  }
  return false
}

function hasIpv6(networks: Networks<bigint>, address: bigint): boolean {
  for (const [bits, members] of networks) {
    if (members.has(address >> BigInt(IPV6_BITS - bits))) return true
  }
  return false
}

/** A shift by 32 is none at all in JavaScript: `/0` needs a case of its own. */
function maskIpv4(address: number, bits: number): number {
  return bits === 0 ? 0 : (address & (-1 << (IPV4_BITS - bits))) >>> 0
}

function lowWord(address: bigint): number {
  return Number(address & 0xffffffffn)
}

/** The 32 bits of a dotted address; undefined = it is none. */
function parseIpv4(text: string): number | undefined {
  if (!isIPv4(text)) return undefined
  let value = 0
  let octet = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === DOT) {
      value = value * 256 + octet
      octet = 0
    } else {
      octet = octet * 10 + code - DIGIT_ZERO
    }
  }
  return value * 256 + octet
}

/** The 128 bits of an IPv6 address, a zone left out; undefined = it is none. */
function parseIpv6(text: string): bigint | undefined {
  const zone = text.indexOf('%')
  const address = zone === -1 ? text : text.slice(0, zone)
  if (!isIPv6(address)) return undefined
  const [head = '', tail] = address.split('::')
  const left = words(head)
  const right = tail === undefined ? [] : words(tail)
  const gap = new Array<number>(8 - left.length - right.length).fill(0)
  return [...left, ...gap, ...right].reduce((sum, word) => (sum << 16n) | BigInt(word), 0n)
}

function words(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap((word) => {
    if (!word.includes('.')) return [Number.parseInt(word, 16)]
    const ipv4 = parseIpv4(word) ?? 0
    return [ipv4 >>> 16, ipv4 & 0xffff]
  })
}

function notAnAddress(entry: string): ConfigError {
  const shown = JSON.stringify(String(entry).slice(0, 60))
  return new ConfigError('GW_CONFIG_INVALID', `invalid ip address or CIDR: ${shown}`)
}
