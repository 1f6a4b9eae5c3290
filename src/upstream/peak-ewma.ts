import { isEligible, type Picker } from './balancer.ts'
import type { UpstreamNode } from './upstream-node.ts'

/** A node that was never measured costs this, so that several requests at once spread over those. */
const UNKNOWN_MS = 1

/**
 * The better of two nodes taken at random: the one with the lower latency, as a moving average that
 * rises at once and falls within seconds, times the requests under way. Weights do not count, as
 * in APISIX, but that 0 is never picked.
 */
export function createPeakEwma(
  nodes: readonly UpstreamNode[],
  random: () => number = Math.random,
  now: () => number = () => performance.now(),
): Picker {
  return {
    pick(_request, excluded, blind) {
      let eligible = 0
      for (const node of nodes) eligible += isEligible(node, excluded, blind) ? 1 : 0
      const first = Math.floor(random() * eligible)
      const a = nthEligible(nodes, first, excluded, blind)
      if (a === undefined || eligible < 2) return a
      const other = Math.floor(random() * (eligible - 1))
      const b = nthEligible(nodes, other < first ? other : other + 1, excluded, blind)
      const at = now()
      return b !== undefined && costOf(a, at) > costOf(b, at) ? b : a
    },

    done({ client }, elapsedMs, failed) {
      client.load.note(elapsedMs, failed, now())
    },
  }
}

function nthEligible(
  nodes: readonly UpstreamNode[],
  n: number,
  excluded: readonly UpstreamNode[] | undefined,
  blind: boolean,
): UpstreamNode | undefined {
  let left = n
  for (const node of nodes) {
    if (isEligible(node, excluded, blind) && left-- === 0) return node
  }
  return undefined
}

function costOf({ client: { load }, share }: UpstreamNode, now: number): number {
  return ((load.latencyMs(now) + UNKNOWN_MS) * (load.active + 1)) / Math.max(share, 0.01)
}
