import type { RequestContext } from '../model/request-context.ts'
import type { UpstreamNode } from './upstream-node.ts'

/** Chooses a node for each attempt. */
export interface Balancer {
  /**
   * The node for the next attempt, passing over the excluded ones; undefined if none is left. `request`
   * is what hashing balancers read their key from.
   */
  pick(
    request: RequestContext | undefined,
    excluded: readonly UpstreamNode[] | undefined,
  ): UpstreamNode | undefined
  /** An attempt has been answered, or has failed, `elapsedMs` after its start. */
  done?(node: UpstreamNode, elapsedMs: number, failed: boolean): void
}

/** Chooses among nodes of one priority, all with a weight. `blind`: whether or not they are available. */
export interface Picker {
  pick(
    request: RequestContext | undefined,
    excluded: readonly UpstreamNode[] | undefined,
    blind: boolean,
  ): UpstreamNode | undefined
  done?(node: UpstreamNode, elapsedMs: number, failed: boolean): void
}

/** Makes the picker of one priority. */
export type CreatePicker = (nodes: readonly UpstreamNode[]) => Picker

/** True if the node may be picked. */
export function isEligible(
  node: UpstreamNode,
  excluded: readonly UpstreamNode[] | undefined,
  blind: boolean,
): boolean {
  return (blind || (node.available && node.share > 0)) && !excluded?.includes(node)
}

/**
 * A balancer that turns to a lower priority only when no node of the higher ones is left. If not
 * one node is available, `forwardIfAllDown` says whether they are picked all the same.
 */
export function createBalancer(
  nodes: readonly UpstreamNode[],
  createPicker: CreatePicker,
  forwardIfAllDown: boolean,
): Balancer {
  const weighted = nodes.every(hasWeight) ? nodes : nodes.filter(hasWeight)
  const pickers = groupByPriority(weighted).map(createPicker)
  const pick = (
    request: RequestContext | undefined,
    excluded: readonly UpstreamNode[] | undefined,
    blind: boolean,
  ) => {
    for (const picker of pickers) {
      const node = picker.pick(request, excluded, blind)
      if (node !== undefined) return node
    }
    return undefined
  }
  const done = pickers[0]?.done

  return {
    pick(request, excluded) {
      const node = pick(request, excluded, false)
      if (node !== undefined || !forwardIfAllDown || weighted.some(isUp)) return node
      return pick(request, excluded, true)
    },
    // What pickers keep of a node is kept at the node: any of them can take it.
    ...(done === undefined ? {} : { done }),
  }
}

function hasWeight({ weight }: UpstreamNode): boolean {
  return weight > 0
}

function isUp({ available, share }: UpstreamNode): boolean {
  return available && share > 0
}

/** Highest priority first. */
function groupByPriority(nodes: readonly UpstreamNode[]): (readonly UpstreamNode[])[] {
  const [first] = nodes
  if (first === undefined) return []
  if (nodes.every(({ priority }) => priority === first.priority)) return [nodes]
  const groups = new Map<number, UpstreamNode[]>()
  for (const node of nodes) {
    const group = groups.get(node.priority)
    if (group === undefined) groups.set(node.priority, [node])
    else group.push(node)
  }
  return [...groups.entries()].sort(([a], [b]) => b - a).map(([, group]) => group)
}
