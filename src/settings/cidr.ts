import { isIP } from 'node:net'
import { toInteger } from './setting.ts'

/** Decodes comma-separated networks and single addresses into CIDR notation; throws on the first bad one. */
export function decodeCidrs(text: string): string[] {
  const cidrs = text.split(',').map((item) => decodeCidr(item.trim()))
  const duplicate = cidrs.find((cidr, i) => cidrs.indexOf(cidr) !== i)
  if (duplicate !== undefined) throw new Error(`${duplicate} is there twice`)
  return cidrs
}

/** A bare address means that address alone. */
function decodeCidr(text: string): string {
  const [address = '', prefix, ...rest] = text.split('/')
  const family = isIP(address)
  // A zone ("fe80::1%eth0") is for sockets: no peer address is compared with its zone.
  if (family === 0 || rest.length > 0 || address.includes('%')) {
    throw new Error(`${JSON.stringify(text.slice(0, 60))} is not an address or network`)
  }
  const bits = family === 4 ? 32 : 128
  if (prefix === undefined) return `${address}/${bits}`
  try {
    return `${address}/${toInteger(prefix, 0, bits)}`
  } catch (cause) {
    throw new Error(`the prefix of ${JSON.stringify(text)} is not 0 to ${bits}`, { cause })
  }
}
