import { BlockList, isIPv6 } from 'node:net'

const MAX_REMEMBERED = 10_000

/**
 * Tells whether an address lies in one of the CIDRs (or is one of the addresses). Verdicts are
 * remembered: behind a balancer, few addresses make all the connections.
 */
export function createTrustedProxies(cidrs: readonly string[]): (address: string) => boolean {
  if (cidrs.length === 0) return () => false
  const list = new BlockList()
  for (const cidr of cidrs) {
    const [address = '', prefix] = cidr.split('/')
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    if (prefix === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(prefix), family)
  }
  const verdicts = new Map<string, boolean>()

  return (address) => {
    const known = verdicts.get(address)
    if (known !== undefined) return known
    const trusted = list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
    if (verdicts.size >= MAX_REMEMBERED) verdicts.clear()
    verdicts.set(address, trusted)
    return trusted
  }
}
