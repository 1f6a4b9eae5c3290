import { isIP } from 'node:net'
import { ConfigError } from '../model/errors.ts'
import type { ClientPool, KeepAliveLimits } from './client-pool.ts'
import type { NodeConfig } from './configured-nodes.ts'
import { NamedClients } from './named-clients.ts'
import type { ResolvedNode } from './names/name-lookup.ts'
import type { NameService, NameWatch } from './names/name-service.ts'
import { type NodeOrigin, nodeHostHeader } from './node-origin.ts'
import { serverNameOf } from './server-name.ts'
import type { TlsContext } from './tls-context.ts'
import type { UpstreamNode } from './upstream-node.ts'

/** What a DNS name is to bring nodes for, instead of configured nodes. */
export interface ServiceConfig {
  readonly name: string
  /** In place of those of SRV records. */
  readonly port: number | undefined
  /** Where nobody names one. */
  readonly defaultPort: number
}

/** What makes nodes out of addresses. */
export interface NodeSetConfig {
  readonly nodes: readonly NodeConfig[]
  readonly service?: ServiceConfig | undefined
  /** `http` or `https`. */
  readonly scheme: string
  /** Host field for the nodes: the client's, the node's own, or `upstreamHost`. */
  readonly passHost: 'pass' | 'node' | 'rewrite'
  readonly upstreamHost?: string | undefined
  /** Check the nodes' certificates; default false, as in APISIX. */
  readonly verifyTls?: boolean | undefined
  /** Own certificate for nodes that ask for one, and trusted authorities. */
  readonly tls?: TlsContext | undefined
  /** Connections of the upstream's own rather than those that all share. */
  readonly keepAlive?: KeepAliveLimits | undefined
}

/** Where nodes come from: one address, or a name with the addresses it has now. */
interface Source {
  readonly index: number
  readonly config: NodeConfig
  readonly watch: NameWatch | undefined
  readonly isService: boolean
}

/** Where there is to be a node. */
interface Place {
  readonly host: string
  readonly port: number
  readonly priority: number
  readonly weight: number
}

/** A node whose weight follows the number of addresses that its name has. */
type OwnNode = { -readonly [K in keyof UpstreamNode]: UpstreamNode[K] }

/** The nodes of an upstream: configured ones, and those that names resolve to at present. */
export class NodeSet {
  readonly #config: NodeSetConfig
  readonly #clients: ClientPool
  readonly #onChange: () => void
  /** Empty if nothing can change. */
  readonly #sources: readonly Source[]
  #nodes: readonly OwnNode[] = []
  /** Which source each node is of; empty if nothing can change. */
  #origins: readonly number[] = []
  #stopped = false

  /** Without `names` the system resolves a node's name whenever it is connected to. */
  constructor(
    config: NodeSetConfig,
    clients: ClientPool,
    names: NameService | undefined,
    onChange: () => void,
  ) {
    if (config.scheme !== 'http' && config.scheme !== 'https') {
      const message = `scheme ${config.scheme} is not supported: http, https`
      throw new ConfigError('GW_CONFIG_INVALID', message)
    }
    this.#config = config
    this.#clients = clients
    this.#onChange = onChange
    const sources = this.#watchAll(names)
    this.#renew(sources)
    const canChange = sources.some(({ watch }) => watch !== undefined)
    this.#sources = canChange ? sources : []
    if (!canChange) this.#origins = []
  }

  get nodes(): readonly UpstreamNode[] {
    return this.#nodes
  }

  /** There is no node yet, but a name is being looked up for the first time. */
  get pending(): boolean {
    return this.#nodes.length === 0 && this.#sources.some(({ watch }) => watch?.pending)
  }

  /** Names that have never been resolved. */
  get unresolved(): string[] {
    return this.#sources
      .filter(({ watch }) => watch !== undefined && watch.nodes === undefined)
      .map(({ config }) => config.host)
  }

  /** Gives up all nodes; requests under way finish. */
  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    for (const { watch } of this.#sources) watch?.stop()
    for (const node of this.#nodes) this.#release(node)
    this.#nodes = []
  }

  #watchAll(names: NameService | undefined): Source[] {
    const { nodes, service } = this.#config
    const changed = () => {
      if (this.#stopped) return
      this.#renew(this.#sources)
      this.#onChange()
    }
    const watch = (name: string, kind: 'host' | 'service') => names?.watch({ name, kind }, changed)
    const sources = nodes.map((config, index): Source => {
      const isName = isIP(config.host) === 0
      const watched = isName ? watch(config.host, 'host') : undefined
      return { index, config, watch: watched, isService: false }
    })
    if (service === undefined) return sources
    const { name: host, port = service.defaultPort } = service
    const config = { host, port, weight: 1, priority: 0 }
    const index = sources.length
    return [...sources, { index, config, watch: watch(host, 'service'), isService: true }]
  }

  /** Nodes that stay are the same objects: what is known of their health stays with them. */
  #renew(sources: readonly Source[]): void {
    const before = this.#nodes
    const nodes: OwnNode[] = []
    const origins: number[] = []
    for (const source of sources) {
      const { index } = source
      for (const { host, port, priority, weight } of this.#placesOf(source)) {
        const node =
          this.#find(index, host, port, priority) ?? this.#create(source, host, port, priority)
        node.weight = weight
        nodes.push(node)
        origins.push(index)
      }
    }
    // A list that grew has room for 17: of thousands of upstreams that is megabytes.
    this.#nodes = nodes.slice()
    this.#origins = origins.slice()
    if (before.length === 0) return
    const kept = new Set(nodes)
    for (const node of before) if (!kept.has(node)) this.#release(node)
  }

  #find(origin: number, host: string, port: number, priority: number): OwnNode | undefined {
    return this.#nodes.find(
      (node, i) =>
        this.#origins[i] === origin &&
        node.host === host &&
        node.port === port &&
        node.priority === priority,
    )
  }

  /** Records of a service that lead to one place are one node, with all their weight. */
  #placesOf({ config, watch, isService }: Source): Iterable<Place> {
    const { priority = 0, weight, port } = config
    const resolved: readonly ResolvedNode[] =
      watch === undefined ? [{ host: config.host }] : (watch.nodes ?? [])
    if (!isService) {
      return resolved.map((one) => {
        return { host: one.host, port, priority, weight: weight * (one.weight ?? 1) }
      })
    }
    const isFixed = this.#config.service?.port !== undefined
    const places = new Map<string, Place>()
    for (const one of resolved) {
      const place = {
        host: one.host,
        port: isFixed ? port : (one.port ?? port),
        priority: one.priority ?? priority,
        weight: weight * (one.weight ?? 1),
      }
      const key = `${place.host} ${place.port} ${place.priority}`
      place.weight += places.get(key)?.weight ?? 0
      places.set(key, place)
    }
    return places.values()
  }

  #create(
    { config, watch, isService }: Source,
    host: string,
    port: number,
    priority: number,
  ): OwnNode {
    // The addresses of a service are nodes by themselves, as in APISIX.
    const name = watch === undefined || isService ? undefined : config.host
    const origin = this.#originOf(name ?? host, host, port)
    const { keepAlive, scheme, passHost } = this.#config
    const client = this.#clients.acquire(origin, keepAlive)
    const followsHost = scheme === 'https' && passHost === 'pass'
    return {
      address: client.address,
      host,
      port,
      name,
      weight: 0,
      priority,
      client,
      named: followsHost ? new NamedClients(this.#clients, origin, keepAlive, client) : undefined,
      hostHeader: this.#hostHeaderOf({ ...origin, host: name ?? host }),
      available: true,
      share: 1,
    }
  }

  #release({ client, named }: UpstreamNode): void {
    named?.stop()
    this.#clients.release(client)
  }

  #originOf(name: string, host: string, port: number): NodeOrigin {
    const { scheme, passHost, upstreamHost, verifyTls: verify = false, tls } = this.#config
    if (scheme !== 'https') {
      return { scheme: 'http', host, port, servername: undefined, verify: false }
    }
    const authority = passHost === 'rewrite' ? (upstreamHost ?? name) : name
    return { scheme, host, port, servername: serverNameOf(authority), verify, tls }
  }

  #hostHeaderOf(origin: NodeOrigin): string | undefined {
    const { passHost, upstreamHost } = this.#config
    if (passHost === 'pass') return undefined
    return passHost === 'node' ? nodeHostHeader(origin) : upstreamHost
  }
}
