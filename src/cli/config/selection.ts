import type { ResourceBody, ResourceKind } from '../../model/resource-kind.ts'

/** Which objects a command is about; the others are as if they were not there. */
export interface Selection {
  /** Undefined = all. */
  kinds: readonly ResourceKind[] | undefined
  /** True when labels narrow it. */
  byLabel: boolean
  hasKind(kind: ResourceKind): boolean
  has(object: { kind: ResourceKind; body: ResourceBody }): boolean
}

/** A label that an object must have; without a value, any will do. */
export interface LabelCondition {
  name: string
  value: string | undefined
}

/** Objects of these kinds that meet all conditions. */
export function createSelection(
  kinds: readonly ResourceKind[] | undefined,
  labels: readonly LabelCondition[],
): Selection {
  const hasKind = (kind: ResourceKind) => kinds === undefined || kinds.includes(kind)
  return {
    kinds,
    byLabel: labels.length > 0,
    hasKind,
    has: ({ kind, body }) => hasKind(kind) && labels.every((label) => meets(body, label)),
  }
}

function meets({ labels }: ResourceBody, { name, value }: LabelCondition): boolean {
  if (labels === null || typeof labels !== 'object' || !Object.hasOwn(labels, name)) return false
  return value === undefined || (labels as Record<string, unknown>)[name] === value
}
