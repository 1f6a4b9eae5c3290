import { RESOURCE_KINDS, type ResourceBody, type ResourceKind } from '../../model/resource-kind.ts'
import { LOAD_ORDER, resourceId, type Snapshot } from '../../model/snapshot.ts'
import type { CheckedObject } from './check-config.ts'
import { nameOf } from './config-object.ts'
import { compare, presentForm } from './normal-form.ts'
import type { Selection } from './selection.ts'

/** One object that the control plane has and the files have not, or have differently. */
export interface PlannedChange {
  op: 'create' | 'update' | 'delete'
  kind: ResourceKind
  id: string
  /** As the control plane shows it, in its normal form. */
  before?: ResourceBody
  /** As the file says it, in its normal form. */
  after?: ResourceBody
  object?: CheckedObject
  /** Equal but for secrets that the control plane does not show: only it knows whether they differ. */
  hidden: boolean
}

/** What it takes to make the control plane equal to the files. */
export interface Plan {
  changes: PlannedChange[]
  unchanged: number
  /** Objects of the files that are not selected. */
  unselected: number
  /** Objects on the control plane that are selected. */
  present: number
  /** Objects that were left where they are because deletions were not wanted. */
  kept: number
}

interface PlanOptions {
  /** Whether objects that are not in the files are to go. */
  prune: boolean
  onObject?: (done: number, of: number) => Promise<void> | undefined
}

/** Compares the files' objects with those of a snapshot. */
export async function makePlan(
  wanted: ReadonlyMap<string, CheckedObject>,
  snapshot: Omit<Snapshot, '_meta'>,
  selection: Selection,
  { prune, onObject = () => undefined }: PlanOptions,
): Promise<Plan> {
  const plan: Plan = { changes: [], unchanged: 0, unselected: 0, present: 0, kept: 0 }
  const present = presentObjects(snapshot)
  let done = 0
  for (const [name, object] of wanted) {
    const body = present.get(name)?.body
    // What has lost the label that selects it is still the same object: changed, not deleted.
    const isSelected =
      selection.has(object) || (body !== undefined && selection.has({ kind: object.kind, body }))
    if (isSelected) addWanted(plan, object, body)
    else plan.unselected++
    await onObject(++done, wanted.size)
  }
  for (const [name, { kind, id, body }] of present) {
    if (!selection.has({ kind, body })) continue
    plan.present++
    if (wanted.has(name)) continue
    if (!prune) plan.kept++
    else
      plan.changes.push({ op: 'delete', kind, id, before: presentForm(kind, body), hidden: false })
  }
  plan.changes.sort(byKindAndId)
  return plan
}

function addWanted(plan: Plan, object: CheckedObject, body: ResourceBody | undefined): void {
  const { kind, id, normal: after } = object
  if (body === undefined) {
    plan.changes.push({ op: 'create', kind, id, after, object, hidden: false })
    return
  }
  const before = presentForm(kind, body)
  const comparison = compare(kind, after, before)
  if (comparison === 'same') plan.unchanged++
  else {
    const hidden = comparison === 'hidden'
    plan.changes.push({ op: 'update', kind, id, before, after, object, hidden })
  }
}

interface PresentObject {
  kind: ResourceKind
  id: string
  body: ResourceBody
}

function presentObjects(snapshot: Omit<Snapshot, '_meta'>): Map<string, PresentObject> {
  const present = new Map<string, PresentObject>()
  for (const kind of RESOURCE_KINDS) {
    for (const body of snapshot[kind] ?? []) {
      const id = resourceId(kind, body)
      const named = kind === 'consumers' ? body : { ...body, id }
      present.set(nameOf({ kind, id }), { kind, id, body: named })
    }
  }
  return present
}

/** What is referred to before what refers, so that a reader meets things in the order they need. */
function byKindAndId(a: PlannedChange, b: PlannedChange): number {
  const byKind = LOAD_ORDER.indexOf(a.kind) - LOAD_ORDER.indexOf(b.kind)
  if (byKind !== 0) return byKind
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0
}
