import { type Answer, refusal } from '../answer.ts'
import { applyChanges, type ChangesDeps } from '../changes/apply-changes.ts'
import type { ChangeProblem } from '../changes/change-set.ts'
import { checkChanges } from '../changes/check-changes.ts'
import { parseChanges } from '../changes/parse-changes.ts'
import { isMatch } from '../preconditions.ts'

/** Whoever has more to mend asks again. */
const MAX_SHOWN = 1_000

interface BulkRequest {
  group: string
  actor: string
  query: Record<string, unknown>
  /** Parsed JSON; undefined = no body was sent. */
  json: unknown
  ifMatch: string | undefined
}

/** Applies puts and deletes of any kinds in one transaction and one revision, or nothing at all. */
export async function applyBulk(deps: ChangesDeps, request: BulkRequest): Promise<Answer> {
  const { group, actor, query, json, ifMatch } = request
  const { dry_run: dryRunText } = query
  if (dryRunText !== undefined && dryRunText !== 'true' && dryRunText !== 'false') {
    return refusal(400, 'invalid argument dry_run: should be "true" or "false"')
  }
  const dryRun = dryRunText === 'true'
  const parsed = await parseChanges(json)
  if (!parsed.ok) {
    return 'reason' in parsed
      ? refusal(400, parsed.reason)
      : refuseChanges(parsed.problems, parsed.total)
  }
  const total = parsed.changes.length
  const { checked, problems } = await checkChanges(parsed.changes, deps)
  if (problems.length > 0) return refuseChanges(problems, total)
  const outcome = await applyChanges<Answer>(deps, {
    ...{ group, actor, dryRun },
    decide: async ({ revision }) =>
      isMatch(ifMatch, revision)
        ? { changes: checked }
        : { refuse: refusal(412, `the gateway group is at revision ${revision}`) },
  })
  if (!outcome.ok) {
    return 'refuse' in outcome ? outcome.refuse : refuseChanges(outcome.problems, total)
  }
  const { revision, changed, results } = outcome
  return {
    status: 200,
    body: { revision, changed, dry_run: dryRun, results },
    headers: { 'x-holdfast-revision': `${revision}` },
    ...(changed > 0 && !dryRun && { written: revision }),
  }
}

function refuseChanges(problems: ChangeProblem[], total: number): Answer {
  const failed = problems.length
  const error_msg = `${failed} of ${total} changes ${failed === 1 ? 'is' : 'are'} not valid`
  return { status: 400, body: { error_msg, failed, results: problems.slice(0, MAX_SHOWN) } }
}
