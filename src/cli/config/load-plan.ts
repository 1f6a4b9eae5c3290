import type { ResourceBody } from '../../model/resource-kind.ts'
import { EXIT } from '../../support/exit-codes.ts'
import type { AdminClient, BulkChange } from './admin-client.ts'
import type { CheckedObject } from './check-config.ts'
import { ConfigFailure } from './config-failure.ts'
import type { ConfigFlags } from './config-flags.ts'
import { withoutTimes } from './normal-form.ts'
import { makePlan, type Plan, type PlannedChange } from './plan.ts'
import type { Progress } from './progress.ts'

/** A plan, and the revision that it was made for. */
export interface LoadedPlan extends Plan {
  revision: number
}

/** Compares the files with what the control plane has now. */
export async function loadPlan(
  objects: ReadonlyMap<string, CheckedObject>,
  { selection, prune }: Pick<ConfigFlags, 'selection' | 'prune'>,
  admin: AdminClient,
  progress: Progress,
): Promise<LoadedPlan> {
  progress.wait('asking the control plane')
  const { _meta, ...snapshot } = await admin.loadConfig(selection.kinds)
  progress.begin(`comparing ${objects.size} objects`)
  const onObject = (done: number, of: number) => progress.advance(done, of)
  const plan = await makePlan(objects, snapshot, selection, { prune, onObject })
  const { revision } = _meta
  progress.wait('comparing secrets')
  await resolveHidden(plan, revision, admin)
  progress.end()
  return { ...plan, revision }
}

/** Lets the control plane say which secrets differ that it shows nobody. */
async function resolveHidden(plan: Plan, revision: number, admin: AdminClient): Promise<void> {
  const hidden = plan.changes.filter((change) => change.hidden)
  if (hidden.length === 0) return
  const outcome = await admin.applyBulk(hidden.map(toBulkChange), { dryRun: true, revision })
  // Refused or overtaken: whoever goes on with the plan is told so in full.
  if (outcome.state !== 'done') return
  const same = new Set(
    outcome.results
      .filter(({ status }) => status === 'unchanged')
      .map(({ index }) => hidden[index])
      .filter((change) => change !== undefined),
  )
  plan.changes = plan.changes.filter((change) => !same.has(change))
  plan.unchanged += same.size
}

/** How a change is sent. An object that is new keeps the time at which it was once created. */
export function toBulkChange({ op, kind, id, object }: PlannedChange): BulkChange {
  if (op === 'delete' || object === undefined) return { op: 'delete', kind, id }
  const { create_time } = object.body
  const body: ResourceBody = {
    ...withoutTimes(object.body),
    ...(op === 'create' && create_time !== undefined && { create_time }),
  }
  return { op: 'put', kind, id, body }
}

/** Nothing to put and something to delete: more likely a wrong path than a wish. */
export function refuseEmptiness({ changes, unchanged }: Plan, allowEmpty: boolean): void {
  const deletions = changes.filter(({ op }) => op === 'delete').length
  if (allowEmpty || unchanged > 0 || deletions === 0 || deletions < changes.length) return
  throw new ConfigFailure(
    EXIT.INVALID,
    `the files hold no object of the selection, and all ${deletions} on the control plane would be deleted: nothing was done (--allow-empty if you mean it)`,
  )
}
