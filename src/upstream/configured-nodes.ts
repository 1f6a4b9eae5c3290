import type { Nodes } from '../model/schemas/upstream-nodes.ts'

/** A node as an upstream's configuration names it. */
export interface NodeConfig {
  /** Without brackets. */
  readonly host: string
  readonly port: number
  readonly weight: number
  readonly priority?: number | undefined
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { http: 80, https: 443 }

/** Both forms of APISIX's `nodes`: a list, or a map of `host:port` to weight. */
export function configuredNodes(nodes: Nodes, scheme: string): NodeConfig[] {
  const defaultPort = DEFAULT_PORTS[scheme] ?? 80
  if (Array.isArray(nodes)) {
    return nodes.map(({ host, port = defaultPort, weight, priority }) => ({
      host: withoutBrackets(host),
      port,
      weight,
      priority,
    }))
  }
  return Object.entries(nodes).map(([address, weight]) => {
    const { host, port } = new URL(`tcp://${address}`)
    return {
      host: withoutBrackets(host.slice(0, port === '' ? undefined : -port.length - 1)),
      port: port === '' ? defaultPort : Number(port),
      weight,
    }
  })
}

function withoutBrackets(host: string): string {
  return host.startsWith('[') ? host.slice(1, -1) : host
}
