import { isEligible, type Picker } from './balancer.ts'
import type { UpstreamNode } from './upstream-node.ts'

/**
 * The node with the fewest requests under way for its weight, counted over all upstreams of this
 * worker that name it; among equals smooth weighted round robin.
 */
export function createLeastConnections(nodes: readonly UpstreamNode[]): Picker {
  const entries = nodes.map((node) => ({ node, current: 0, isTied: false }))

  /** Marks the nodes with the lowest load; returns their weights' sum. */
  function markLeast(excluded: readonly UpstreamNode[] | undefined, blind: boolean): number {
    let least = Number.POSITIVE_INFINITY
    for (const { node } of entries) {
      if (isEligible(node, excluded, blind)) least = Math.min(least, loadOf(node, blind))
    }
    let total = 0
    for (const entry of entries) {
      const { node } = entry
      entry.isTied = isEligible(node, excluded, blind) && loadOf(node, blind) === least
      if (entry.isTied) total += weightOf(node, blind)
    }
    return total
  }

  return {
    pick(_request, excluded, blind) {
      const total = markLeast(excluded, blind)
      let best: (typeof entries)[number] | undefined
      for (const entry of entries) {
        if (!entry.isTied) continue
        entry.current += weightOf(entry.node, blind)
        if (best === undefined || entry.current > best.current) best = entry
      }
      if (best === undefined) return undefined
      best.current -= total
      return best.node
    },
  }
}

function loadOf(node: UpstreamNode, blind: boolean): number {
  return node.client.load.active / weightOf(node, blind)
}

function weightOf({ weight, share }: UpstreamNode, blind: boolean): number {
  return blind ? weight : weight * share
}
