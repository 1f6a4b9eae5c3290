import type { ResourceBody, ResourceKind } from '../../model/resource-kind.ts'
import type {
  ConfigTransaction,
  ResourceKey,
  StoredResource,
} from '../../store/config-repository.ts'
import { equalJson } from '../../support/equal-json.ts'
import { TimeSlice } from '../../support/time-slice.ts'
import { RESOURCE_DEFINITIONS } from '../resource-definitions.ts'
import type { ChangeProblem, ChangeResult, CheckedChange } from './change-set.ts'
import { keyOfObject } from './change-set.ts'
import { type ObjectChecks, validObject } from './check-changes.ts'
import type { KeyChecks } from './check-keys.ts'
import { checkRelations } from './check-relations.ts'
import type { Planned, PlannedObject } from './final-view.ts'
import { withHidden } from './hidden-fields.ts'
import { referrersOf } from './referrers.ts'

/** What a set of changes comes to, compared with what is stored. */
export interface Plan {
  /** What has to be written. */
  objects: Planned
  results: ChangeResult[]
  /** With any of these, nothing must be written. */
  problems: ChangeProblem[]
}

/** Plans the changes inside the write transaction, in slices. Writes nothing. */
export async function planChanges(
  tx: ConfigTransaction,
  changes: readonly CheckedChange[],
  checks: ObjectChecks & KeyChecks,
): Promise<Plan> {
  await tx.prefetch(changes)
  const plan = { objects: new Map<string, PlannedObject>(), results: [], problems: [] } as {
    objects: Map<string, PlannedObject>
    results: ChangeResult[]
    problems: ChangeProblem[]
  }
  const indexes = new Map<string, number>()
  const slice = new TimeSlice()
  for (const change of changes) {
    const { index, kind, id } = change
    const stored = await tx.get(kind, id)
    const value = wantedValue(change, stored, checks)
    if (typeof value === 'string') plan.problems.push({ index, kind, id, error: value })
    else {
      const status = statusOf(kind, value, stored, checks)
      plan.results.push({ index, kind, id, op: value === null ? 'delete' : 'put', status })
      if (status !== 'unchanged' && status !== 'absent') {
        const key = keyOfObject(change)
        plan.objects.set(key, { kind, id, value, stored })
        indexes.set(key, index)
      }
    }
    if (slice.due) await slice.pause()
  }
  // With objects missing, references to them would be blamed too.
  if (plan.problems.length > 0) return plan
  await addParts(tx, plan.objects)
  await tx.prefetch(await referredTo(plan.objects))
  for await (const { object, problem } of checkRelations(tx, plan.objects, checks)) {
    const { kind, id } = object
    plan.problems.push({ index: indexes.get(keyOfObject(object)) ?? -1, kind, id, error: problem })
  }
  plan.problems.sort((a, b) => a.index - b.index)
  return plan
}

/** Null = to be deleted; a text = what is wrong. */
function wantedValue(
  change: CheckedChange,
  stored: StoredResource | undefined,
  checks: ObjectChecks,
): ResourceBody | null | string {
  if (change.op === 'delete') return null
  if (change.op === 'put') return change.value
  const { kind, body } = change
  return validObject(kind, withHidden(kind, body, stored?.body), checks)
}

function statusOf(
  kind: ResourceKind,
  value: ResourceBody | null,
  stored: StoredResource | undefined,
  { secrets }: ObjectChecks,
): ChangeResult['status'] {
  if (value === null) return stored === undefined ? 'absent' : 'deleted'
  if (stored === undefined) return 'created'
  // What can't be opened any more is replaced.
  const opened = secrets.open(kind, stored.body)
  return opened.ok && equalJson(withoutTimes(opened.body), withoutTimes(value))
    ? 'unchanged'
    : 'updated'
}

function withoutTimes({ create_time: _, update_time: __, ...rest }: ResourceBody): ResourceBody {
  return rest
}

/** With an object goes what is part of it: the credentials of a consumer. */
async function addParts(tx: ConfigTransaction, objects: Map<string, PlannedObject>): Promise<void> {
  const owners = [...objects.values()].filter(
    ({ kind, value }) => kind === 'consumers' && value === null,
  )
  for await (const { kind, id } of referrersOf(tx, owners)) {
    const key = keyOfObject({ kind, id })
    if (RESOURCE_DEFINITIONS[kind].owner === undefined || objects.has(key)) continue
    objects.set(key, { kind, id, value: null, stored: await tx.get(kind, id) })
  }
}

/** What the objects refer to and are parts of, as far as it is not among them. */
async function referredTo(objects: Planned): Promise<ResourceKey[]> {
  const keys = new Map<string, ResourceKey>()
  const slice = new TimeSlice()
  for (const { kind, id, value } of objects.values()) {
    if (value === null) continue
    const { references, owner } = RESOURCE_DEFINITIONS[kind]
    const whole = owner?.(id)
    for (const to of [...references(value), ...(whole === undefined ? [] : [whole])]) {
      const key = keyOfObject(to)
      if (!objects.has(key)) keys.set(key, { kind: to.kind, id: to.id })
    }
    if (slice.due) await slice.pause()
  }
  return [...keys.values()]
}
