import { isIP } from 'node:net'
import type { Upstream } from '../../model/schemas/upstream.ts'
import { parseServiceName } from '../../model/service-name.ts'
import { configuredNodes } from '../../upstream/configured-nodes.ts'
import type { ResolvedNode } from '../../upstream/names/name-lookup.ts'
import type { NameService, NameWatch } from '../../upstream/names/name-service.ts'
import { addressOf } from '../../upstream/node-origin.ts'
import type { ProbeTarget } from './probe.ts'

/** A configured node, or the name of a service, with the addresses it has now. */
interface Source {
  host: string
  port: number
  watch: NameWatch | undefined
  /** Its answers may name ports, which count unless one is configured. */
  isService: boolean
  isPortFixed: boolean
}

/** The addresses of an upstream's nodes: those of names as the resolver says them at present. */
export class NodeTargets {
  readonly #sources: readonly Source[]

  /** `onChange` is called when names have other addresses, never before this returns. */
  constructor(upstream: Partial<Upstream>, names: NameService, onChange: () => void) {
    const { nodes = [], scheme = 'http' } = upstream
    const sources = configuredNodes(nodes, scheme).map(({ host, port }): Source => {
      const watch =
        isIP(host) === 0 ? names.watch({ name: host, kind: 'host' }, onChange) : undefined
      return { host, port, watch, isService: false, isPortFixed: true }
    })
    const service = serviceSource(upstream, names, onChange)
    this.#sources = service === undefined ? sources : [...sources, service]
  }

  /** By `address:port`. */
  get all(): Map<string, ProbeTarget> {
    const targets = new Map<string, ProbeTarget>()
    for (const source of this.#sources) {
      const resolved = source.watch === undefined ? [{ host: source.host }] : source.watch.nodes
      for (const node of resolved ?? []) {
        const target = targetOf(source, node)
        targets.set(addressOf({ host: target.address, port: target.port }), target)
      }
    }
    return targets
  }

  /** True when addresses come and go by themselves under this name. */
  hasName(name: string): boolean {
    return this.#sources.some(({ host, watch }) => watch !== undefined && host === name)
  }

  stop(): void {
    for (const { watch } of this.#sources) watch?.stop()
  }
}

function targetOf(source: Source, { host: address, port }: ResolvedNode): ProbeTarget {
  const { isService, isPortFixed, host } = source
  return {
    address,
    port: isPortFixed ? source.port : (port ?? source.port),
    // The addresses of a service are nodes by themselves, as in APISIX.
    hostname: isService ? address : host,
  }
}

function serviceSource(
  upstream: Partial<Upstream>,
  names: NameService,
  onChange: () => void,
): Source | undefined {
  const { discovery_type: type, service_name: service, scheme } = upstream
  if (type !== 'dns' || service === undefined) return undefined
  const { name: host, port } = parseServiceName(service)
  const watch = names.watch({ name: host, kind: 'service' }, onChange)
  const defaultPort = scheme === 'https' ? 443 : 80
  return {
    host,
    port: port ?? defaultPort,
    watch,
    isService: true,
    isPortFixed: port !== undefined,
  }
}
