import type { ConfigTransaction } from '../../store/config-repository.ts'
import { TimeSlice } from '../../support/time-slice.ts'
import { checkOwner, checkReferences, checkReferrers, describeUse } from '../references.ts'
import { RESOURCE_DEFINITIONS } from '../resource-definitions.ts'
import { keyOfObject } from './change-set.ts'
import { checkKeys, type KeyChecks } from './check-keys.ts'
import { FinalView, type Planned, type PlannedObject, type PlanProblem } from './final-view.ts'
import { referrersOf } from './referrers.ts'

/** Finds what does not fit together once all changes are made. */
export async function* checkRelations(
  tx: ConfigTransaction,
  planned: Planned,
  keyChecks: KeyChecks,
): AsyncGenerator<PlanProblem> {
  const view = new FinalView(tx, planned)
  const slice = new TimeSlice()
  for (const object of planned.values()) {
    const problem = await checkPut(view, object)
    if (problem !== undefined) yield { object, problem }
    if (slice.due) await slice.pause()
  }
  yield* checkDeletes(tx, planned)
  yield* checkKeys(tx, view, planned, keyChecks)
}

async function checkPut(
  view: FinalView,
  { kind, id, value, stored }: PlannedObject,
): Promise<string | undefined> {
  if (value === null) return undefined
  const definition = RESOURCE_DEFINITIONS[kind]
  return (
    (await checkOwner(view, definition, id)) ??
    (await checkReferences(view, definition, value)) ??
    (await checkReferrers(view, definition, value, stored?.body)) ??
    (await definition.check?.(view, id, value))
  )
}

/** Who goes on referring to what is deleted. An object that is put too has been told already. */
async function* checkDeletes(tx: ConfigTransaction, planned: Planned): AsyncGenerator<PlanProblem> {
  const gone = new Map([...planned].filter(([, { value }]) => value === null))
  for await (const referrer of referrersOf(tx, [...gone.values()])) {
    if (planned.has(keyOfObject(referrer))) continue
    for (const to of RESOURCE_DEFINITIONS[referrer.kind].references(referrer.body)) {
      const object = gone.get(keyOfObject(to))
      // Each is told once, of the first that uses it.
      if (object === undefined || !gone.delete(keyOfObject(to))) continue
      yield { object, problem: describeUse(object, referrer) }
    }
  }
}
