import { EXIT } from '../../support/exit-codes.ts'
import type { AdminClient, BulkOutcome } from './admin-client.ts'
import type { CheckedObject } from './check-config.ts'
import { checkFiles } from './check-files.ts'
import { ConfigFailure } from './config-failure.ts'
import type { ConfigFlags } from './config-flags.ts'
import { formatProblem, nameOf, problemOf } from './config-object.ts'
import { type LoadedPlan, loadPlan, refuseEmptiness, toBulkChange } from './load-plan.ts'
import { openAdmin } from './open-admin.ts'
import { Progress } from './progress.ts'
import { paintFor, renderChange, renderHeading, renderSummary } from './render-change.ts'

/** How often others may change the configuration between our look and our write. */
const MAX_ATTEMPTS = 5
/** More is not read by anybody; `diff` shows all. */
const MAX_SHOWN = 50

/** `holdfast config sync`: makes the control plane equal to the files, in one transaction. */
export async function syncConfig(flags: ConfigFlags): Promise<number> {
  const progress = new Progress(process.stderr)
  const { objects, groups } = await checkFiles(flags.paths, flags.selection, progress)
  const { admin, group } = await openAdmin(flags)
  for (const other of groups) {
    if (other === group) continue
    process.stderr.write(`holdfast: a snapshot of group ${other} goes into group ${group}\n`)
  }
  try {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const plan = await loadPlan(objects, flags, admin, progress)
      const code = await applyPlan(plan, flags, admin, progress)
      if (code !== undefined) return code
    }
  } finally {
    progress.end()
  }
  throw new ConfigFailure(
    EXIT.CONFLICT,
    `others keep changing the configuration: nothing was done in ${MAX_ATTEMPTS} attempts`,
  )
}

/** Undefined when the configuration was changed since the plan was made. */
async function applyPlan(
  plan: LoadedPlan,
  flags: ConfigFlags,
  admin: AdminClient,
  progress: Progress,
): Promise<number | undefined> {
  const { dryRun, waitMs, allowEmpty } = flags
  const { changes, revision } = plan
  showPlan(plan, dryRun)
  refuseEmptiness(plan, allowEmpty)
  if (changes.length === 0) return EXIT.OK
  progress.begin(`sending ${changes.length} changes`)
  const outcome = await admin.applyBulk(changes.map(toBulkChange), {
    ...{ dryRun, revision, waitMs: dryRun ? 0 : waitMs },
    onSent(bytes, of) {
      if (bytes === of) progress.wait('waiting for the control plane')
      else void progress.advance(bytes, of)
    },
  })
  progress.end()
  if (outcome.state === 'conflict') {
    process.stderr.write('holdfast: the configuration was changed meanwhile, comparing anew\n')
    return undefined
  }
  if (outcome.state === 'refused') throw refused(outcome, plan)
  return report(outcome, dryRun)
}

function showPlan(plan: LoadedPlan, whole: boolean): void {
  const paint = paintFor(process.stdout)
  process.stdout.write(`${renderSummary(plan, paint)}\n`)
  // What is lost comes first: it is what somebody may want to stop.
  const shown = whole ? plan.changes : deletionsFirst(plan).slice(0, MAX_SHOWN)
  const render = whole ? renderChange : renderHeading
  for (const change of shown) process.stdout.write(`${render(change, paint)}\n`)
  const rest = plan.changes.length - shown.length
  if (rest > 0) process.stdout.write(`and ${rest} more\n`)
}

function deletionsFirst({ changes }: LoadedPlan): LoadedPlan['changes'] {
  const isDeletion = ({ op }: LoadedPlan['changes'][number]) => op === 'delete'
  return [...changes.filter(isDeletion), ...changes.filter((change) => !isDeletion(change))]
}

function report(outcome: Extract<BulkOutcome, { state: 'done' }>, dryRun: boolean): number {
  const { revision, results, converged } = outcome
  const changed = results.filter(({ status }) => status !== 'unchanged' && status !== 'absent')
  if (dryRun) {
    process.stdout.write(`accepted: ${changed.length} changes, none made (--dry-run)\n`)
    return EXIT.OK
  }
  process.stdout.write(`${changed.length} changes made, revision ${revision}\n`)
  if (converged === undefined) return EXIT.OK
  const served = converged ? 'all gateways serve it' : 'not all gateways serve it yet'
  process.stdout.write(`${served}\n`)
  return converged ? EXIT.OK : EXIT.FAILED
}

/** What the control plane says, at the lines of the files that it speaks of. */
function refused(
  { reason, results }: Extract<BulkOutcome, { state: 'refused' }>,
  { changes }: LoadedPlan,
): ConfigFailure {
  const lines = results.map(({ index, kind, id, error = 'refused' }) => {
    const object: CheckedObject | undefined = changes[index]?.object
    return object === undefined
      ? `error: ${nameOf({ kind, id })}: ${error}`
      : formatProblem(problemOf(object, [], error))
  })
  return new ConfigFailure(EXIT.INVALID, [...lines, `nothing was done: ${reason}`].join('\n'))
}
