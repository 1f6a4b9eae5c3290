import { NodeClient } from '../../src/upstream/node-client.ts'
import type { UpstreamNode } from '../../src/upstream/upstream-node.ts'

/** A node that nobody connects to: for balancers. */
export function fakeNode(name: string, weight = 1, priority = 0): UpstreamNode {
  const origin = { scheme: 'http', host: name, port: 80, servername: undefined, verify: false }
  return {
    address: `${name}:80`,
    host: name,
    port: 80,
    name: undefined,
    weight,
    priority,
    client: new NodeClient(origin as never),
    hostHeader: undefined,
    available: true,
    share: 1,
  }
}

/** Nodes of one priority, by name and weight. */
export function fakeNodes(weights: Record<string, number>): UpstreamNode[] {
  return Object.entries(weights).map(([name, weight]) => fakeNode(name, weight))
}
