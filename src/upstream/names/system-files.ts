import { isIP } from 'node:net'

/** Addresses by lower-case name. */
export type Hosts = ReadonlyMap<string, readonly string[]>

/** Reads the format of /etc/hosts. */
export function decodeHosts(text: string): Hosts {
  const hosts = new Map<string, string[]>()
  for (const [address = '', ...names] of fields(text)) {
    if (isIP(address) === 0) continue
    for (const name of names) {
      const known = hosts.get(name.toLowerCase())
      if (known === undefined) hosts.set(name.toLowerCase(), [address])
      else if (!known.includes(address)) known.push(address)
    }
  }
  return hosts
}

/** What matters of /etc/resolv.conf beside its servers, which the resolver reads by itself. */
export interface ResolvConf {
  /** Domains to look in, in this order. */
  readonly search: readonly string[]
  /** A name with fewer dots is looked up in the search domains first. */
  readonly ndots: number
  /** All of it, to notice a change of the servers. */
  readonly text: string
}

export const NO_RESOLV_CONF: ResolvConf = { search: [], ndots: 1, text: '' }

/** Reads the format of /etc/resolv.conf (resolv.conf(5)): the last `search` or `domain` counts. */
export function decodeResolvConf(text: string): ResolvConf {
  let search: readonly string[] = []
  let ndots = 1
  for (const [keyword, ...values] of fields(text)) {
    if (keyword === 'search' || keyword === 'domain') search = values.filter((name) => name !== '.')
    if (keyword !== 'options') continue
    for (const value of values) {
      const match = /^ndots:(\d{1,2})$/.exec(value)
      if (match !== null) ndots = Number(match[1])
    }
  }
  return { search, ndots, text }
}

/** Absolute names to ask for, in order. A trailing dot says that a name is absolute already. */
export function candidates(name: string, { search, ndots }: ResolvConf): string[] {
  if (name.endsWith('.')) return [name.slice(0, -1)]
  const within = search.map((domain) => `${name}.${domain.replace(/\.$/, '')}`)
  const dots = name.split('.').length - 1
  return dots >= ndots ? [name, ...within] : [...within, name]
}

function fields(text: string): string[][] {
  return text.split('\n').map((line) =>
    line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/),
  )
}
