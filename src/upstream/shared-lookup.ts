import { type LookupAddress, type LookupAllOptions, lookup } from 'node:dns'
import type { LookupFunction } from 'node:net'

type Waiter = (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void

const running = new Map<string, Waiter[]>()

/**
 * `dns.lookup`, one at a time per name: look-ups occupy threads of the small pool that file access
 * needs too, and a thousand connections to one name while its resolver hangs must not take them all.
 */
export const sharedLookup: LookupFunction = (hostname, options, callback) => {
  const all: LookupAllOptions = { ...options, family: familyOf(options.family), all: true }
  const key = `${hostname} ${all.family} ${all.hints ?? 0}`
  const waiter: Waiter = (error, addresses) => {
    const [first] = addresses
    if (error !== null || first === undefined) callback(error ?? notFound(hostname), '', 0)
    else if (options.all) callback(null, addresses)
    else callback(null, first.address, first.family)
  }
  const waiters = running.get(key)
  if (waiters !== undefined) {
    waiters.push(waiter)
    return
  }
  running.set(key, [waiter])
  lookup(hostname, all, (error, addresses) => {
    const waiting = running.get(key) ?? []
    running.delete(key)
    for (const one of waiting) one(error, addresses ?? [])
  })
}

function familyOf(family: number | string | undefined): number {
  if (family === 'IPv4') return 4
  if (family === 'IPv6') return 6
  return Number(family ?? 0)
}

function notFound(hostname: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`no address for ${hostname}`), { code: 'ENOTFOUND' })
}
