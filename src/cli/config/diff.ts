import { EXIT } from '../../support/exit-codes.ts'
import { checkFiles } from './check-files.ts'
import type { ConfigFlags } from './config-flags.ts'
import { loadPlan } from './load-plan.ts'
import { openAdmin } from './open-admin.ts'
import { Progress } from './progress.ts'
import { paintFor, renderChange, renderSummary } from './render-change.ts'

/** `holdfast config diff`: what a sync would change; exit code 1 when that is anything. */
export async function diffConfig(flags: ConfigFlags): Promise<number> {
  const progress = new Progress(process.stderr)
  const { objects } = await checkFiles(flags.paths, flags.selection, progress)
  const { admin } = await openAdmin(flags)
  const plan = await loadPlan(objects, flags, admin, progress)
  const paint = paintFor(process.stdout)
  for (const change of plan.changes) process.stdout.write(`${renderChange(change, paint)}\n`)
  process.stdout.write(`${renderSummary(plan, paint)}\n`)
  return plan.changes.length === 0 ? EXIT.OK : EXIT.FAILED
}
