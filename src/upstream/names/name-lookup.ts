import { Resolver } from 'node:dns/promises'
import type { ResolvedNode } from '../../model/resolved-name.ts'
import { FreshFile } from './fresh-file.ts'
import { candidates, decodeHosts, decodeResolvConf, NO_RESOLV_CONF } from './system-files.ts'

export type { ResolvedNode } from '../../model/resolved-name.ts'

/** What to look up: the addresses of a host, or a service, which may have SRV records. */
export interface NameQuery {
  readonly name: string
  readonly kind: 'host' | 'service'
}

export interface NameAnswer {
  /** Never empty; ordered. */
  readonly nodes: readonly ResolvedNode[]
  readonly ttlMs: number
}

/** Answers from a name's records, once; `name-service.ts` keeps them fresh. */
export interface NameLookup {
  /** Rejects if there is no address, with the resolver's code. */
  resolve(query: NameQuery): Promise<NameAnswer>
}

export interface NameLookupOptions {
  /** `address` or `address:port`; empty = those of /etc/resolv.conf. */
  readonly servers: readonly string[]
  readonly timeoutMs: number
  readonly hostsFile?: string
  readonly resolvConf?: string
}

/** Attempts at each server. */
const TRIES = 2
/** /etc/hosts and the names of this machine have no TTL. */
const HOSTS_TTL_MS = 5_000
/** The name has no record of the kind, which is an answer; everything else is a failure. */
const ABSENT = new Set(['ENODATA', 'ENOTFOUND'])

interface Addresses {
  readonly addresses: readonly string[]
  readonly ttlMs: number
}

/**
 * Looks names up as APISIX does: /etc/hosts, then A, and AAAA where there is no A; for a service
 * SRV before those. Search domains count as resolv.conf(5) says.
 */
export function createNameLookup(options: NameLookupOptions): NameLookup {
  const { servers, timeoutMs, hostsFile = '/etc/hosts' } = options
  const hosts = new FreshFile(hostsFile, decodeHosts, new Map())
  const conf = new FreshFile(
    options.resolvConf ?? '/etc/resolv.conf',
    decodeResolvConf,
    NO_RESOLV_CONF,
  )
  /** Names found to have no SRV record lately: asked for their addresses first. */
  const plain = new Set<string>()
  let resolver: Resolver | undefined
  let resolverText: string | undefined

  /** The resolver reads resolv.conf once: a changed file needs another one. */
  function resolverFor(text: string): Resolver {
    if (resolver !== undefined && (servers.length > 0 || text === resolverText)) return resolver
    resolver = new Resolver({ timeout: timeoutMs, tries: TRIES })
    resolverText = text
    if (servers.length > 0) resolver.setServers([...servers])
    return resolver
  }

  async function addressesOf(name: string): Promise<Addresses> {
    const local = await localAddresses(name)
    if (local !== undefined) return { addresses: local, ttlMs: HOSTS_TTL_MS }
    const resolvConf = await conf.read()
    const asked = resolverFor(resolvConf.text)
    for (const candidate of candidates(name, resolvConf)) {
      const found =
        (await unlessAbsent(asked.resolve4(candidate, { ttl: true }))) ??
        (await unlessAbsent(asked.resolve6(candidate, { ttl: true })))
      if (found !== undefined) return toAddresses(found)
    }
    throw absent(name)
  }

  async function localAddresses(name: string): Promise<readonly string[] | undefined> {
    const known = (await hosts.read()).get(name.toLowerCase().replace(/\.$/, ''))
    if (known !== undefined) {
      const v4 = known.filter((address) => !address.includes(':'))
      return v4.length > 0 ? v4 : known
    }
    // RFC 6761, section 6.3: never a question for a server.
    return /(^|\.)localhost\.?$/i.test(name) ? ['127.0.0.1'] : undefined
  }

  async function serviceOf(name: string): Promise<NameAnswer | undefined> {
    const resolvConf = await conf.read()
    const asked = resolverFor(resolvConf.text)
    for (const candidate of candidates(name, resolvConf)) {
      const records = await unlessAbsent(asked.resolveSrv(candidate))
      if (records !== undefined) return resolveTargets(records, addressesOf)
    }
    return undefined
  }

  async function hostAnswer(name: string): Promise<NameAnswer> {
    const { addresses, ttlMs } = await addressesOf(name)
    return { nodes: addresses.map((host) => ({ host, weight: 1 / addresses.length })), ttlMs }
  }

  /** The kind of record that was there last is asked for first. */
  async function serviceAnswer(name: string): Promise<NameAnswer> {
    if (plain.has(name)) {
      try {
        return await hostAnswer(name)
      } catch (error) {
        if (!isAbsence(error)) throw error
        plain.delete(name)
      }
    }
    const service = await serviceOf(name)
    if (service !== undefined) return service
    const answer = await hostAnswer(name)
    plain.add(name)
    return answer
  }

  return {
    resolve: ({ name, kind }) => (kind === 'service' ? serviceAnswer(name) : hostAnswer(name)),
  }
}

/** Addresses of all targets, each with its part of its record's weight. */
async function resolveTargets(
  records: readonly { name: string; port: number; priority: number; weight: number }[],
  addressesOf: (name: string) => Promise<Addresses>,
): Promise<NameAnswer> {
  const found = await Promise.all(records.map(({ name }) => unlessAbsent(addressesOf(`${name}.`))))
  const nodes = records.flatMap(({ port, priority, weight }, i): ResolvedNode[] => {
    const addresses = found[i]?.addresses ?? []
    return addresses.map((host) => ({
      host,
      // 0 stands for the scheme's own.
      ...(port === 0 ? {} : { port }),
      // RFC 2782 means "hardly ever" by 0; nobody would get that node at all.
      weight: Math.max(weight, 1) / addresses.length,
      // The lowest number comes first there, the highest here.
      priority: -priority,
    }))
  })
  if (nodes.length === 0) throw absent(records[0]?.name ?? '')
  // The resolver does not tell the TTL of SRV records; those of their targets are as short or shorter
  // where targets change.
  return { nodes: sorted(nodes), ttlMs: Math.min(...found.map((one) => one?.ttlMs ?? Infinity)) }
}

function sorted(nodes: readonly ResolvedNode[]): ResolvedNode[] {
  const keyOf = ({ host, port = 0 }: ResolvedNode) => `${host} ${port}`
  return [...nodes].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
}

function toAddresses(records: readonly { address: string; ttl: number }[]): Addresses {
  const addresses = [...new Set(records.map(({ address }) => address))].sort()
  return { addresses, ttlMs: Math.min(...records.map(({ ttl }) => ttl)) * 1000 }
}

async function unlessAbsent<T>(question: Promise<T>): Promise<T | undefined> {
  try {
    return await question
  } catch (error) {
    if (isAbsence(error)) return undefined
    throw error
  }
}

function isAbsence(error: unknown): boolean {
  return ABSENT.has((error as NodeJS.ErrnoException).code ?? '')
}

function absent(name: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`no address for ${name}`), { code: 'ENOTFOUND' })
}
