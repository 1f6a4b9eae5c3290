/** A choice with its share of the picks. */
export interface Weighted {
  /** 0 = never picked. */
  readonly weight: number
  /** Choices of a lower priority are picked only when all of a higher one are excluded. */
  readonly priority: number
}

/** Picks the next choice, passing over the excluded ones; undefined if none is left. */
export type Pick<N> = (excluded?: readonly N[]) => N | undefined

/** Smooth weighted round robin, the algorithm of nginx: heavy choices are spread, not bunched. */
export function createRoundRobin<N extends Weighted>(choices: readonly N[]): Pick<N> {
  const picks = groupByPriority(choices).map(createGroup)
  const [only] = picks
  if (picks.length === 1 && only !== undefined) return only
  return (excluded) => {
    for (const pick of picks) {
      const choice = pick(excluded)
      if (choice !== undefined) return choice
    }
    return undefined
  }
}

function createGroup<N extends Weighted>(choices: readonly N[]): Pick<N> {
  const entries = choices.map((choice) => ({ choice, weight: choice.weight, current: 0 }))
  return (excluded) => {
    let best: (typeof entries)[number] | undefined
    let total = 0
    for (const entry of entries) {
      if (excluded?.includes(entry.choice)) continue
      entry.current += entry.weight
      total += entry.weight
      if (best === undefined || entry.current > best.current) best = entry
    }
    if (best === undefined) return undefined
    best.current -= total
    return best.choice
  }
}

/** Choices with a weight, highest priority first. */
function groupByPriority<N extends Weighted>(choices: readonly N[]): N[][] {
  const groups = new Map<number, N[]>()
  for (const choice of choices) {
    if (choice.weight <= 0) continue
    const group = groups.get(choice.priority)
    if (group === undefined) groups.set(choice.priority, [choice])
    else group.push(choice)
  }
  return [...groups.entries()].sort(([a], [b]) => b - a).map(([, group]) => group)
}
