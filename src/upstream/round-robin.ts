import { isEligible, type Picker } from './balancer.ts'
import type { UpstreamNode } from './upstream-node.ts'

/** Smooth weighted round robin, the algorithm of nginx: heavy nodes are spread, not bunched. */
export function createRoundRobin(nodes: readonly UpstreamNode[]): Picker {
  const entries = nodes.map((node) => ({ node, current: 0 }))
  return {
    pick(_request, excluded, blind) {
      let best: (typeof entries)[number] | undefined
      let total = 0
      for (const entry of entries) {
        const { node } = entry
        if (!isEligible(node, excluded, blind)) continue
        const weight = blind ? node.weight : node.weight * node.share
        entry.current += weight
        total += weight
        if (best === undefined || entry.current > best.current) best = entry
      }
      if (best === undefined) return undefined
      best.current -= total
      return best.node
    },
  }
}
