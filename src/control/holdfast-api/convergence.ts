import type { ReportedWorker } from '../../model/instance.ts'
import type { RevisionMark } from '../../model/revision.ts'
import { type AssessedInstance, isLive } from './instance-state.ts'

/** Who does not serve a revision, and why. */
interface Waiting {
  instance: string
  host: string
  /** Null: the instance as a whole. */
  worker: number | null
  /** Revision that it has; null = none. */
  applied: number | null
  reason: string
}

/** Same revision, other content: what should never be. */
interface DigestMismatch {
  instance: string
  host: string
  worker: number | null
  revision: number
  digest: string
  expected: string
}

/** Whether a revision is served, or a later one. */
export interface Convergence {
  revision: number
  /** Instances that count. */
  live: number
  converged: boolean
  waiting: Waiting[]
  digestMismatches: DigestMismatch[]
  /** Instances that do not count because they have not been heard of. */
  lost: { instance: string; host: string; lastSeen: string }[]
}

/** What a group's instances are measured by; all of one moment. */
export interface FleetFacts {
  instances: readonly AssessedInstance[]
  head: RevisionMark
  /** As the log records them, for the revisions that instances report. */
  digests: ReadonlyMap<number, string>
}

interface RevisionToServe {
  revision: number
  /** `kind/id` of what it changed: quarantined, that is not served. */
  changed: ReadonlySet<string>
}

/** Compares what every worker of every live instance serves with a revision. */
export function assessConvergence(facts: FleetFacts, wanted: RevisionToServe): Convergence {
  const live = facts.instances.filter(isLive)
  const waiting: Waiting[] = []
  const digestMismatches: DigestMismatch[] = []
  for (const instance of live) {
    waiting.push(...whoWaits(instance, facts.head, wanted))
    digestMismatches.push(...mismatches(instance, facts))
  }
  return {
    revision: wanted.revision,
    live: live.length,
    converged: waiting.length === 0 && digestMismatches.length === 0,
    waiting,
    digestMismatches,
    lost: facts.instances
      .filter(({ state }) => state === 'lost')
      .map(({ id, report, lastSeen }) => ({ instance: id, host: report.hostname, lastSeen })),
  }
}

function whoWaits(
  { id, report }: AssessedInstance,
  head: RevisionMark,
  { revision, changed }: RevisionToServe,
): Waiting[] {
  const { applied, workers, quarantined } = report
  const entry = (reason: string, worker: ReportedWorker | null): Waiting => {
    const mark = worker === null ? applied : worker.applied
    const where = { instance: id, host: report.hostname, worker: worker?.id ?? null }
    return { ...where, applied: mark?.revision ?? null, reason }
  }
  const problem = whyBehind(applied, head, revision)
  if (problem !== undefined) {
    const cause = report.connected ? '' : ', and can not read the configuration source'
    return [entry(problem + cause, null)]
  }
  if (workers.length === 0) return [entry('has no worker', null)]
  const behind = workers.flatMap((worker) => {
    const reason = whyBehind(worker.applied, head, revision)
    return reason === undefined ? [] : [entry(reason, worker)]
  })
  const refused = quarantined
    .filter((object) => changed.has(`${object.kind}/${object.id}`))
    .map(({ kind, id, reason }) => entry(`${kind}/${id} is quarantined: ${reason}`, null))
  return [...behind, ...refused]
}

function whyBehind(
  applied: RevisionMark | null,
  head: RevisionMark,
  revision: number,
): string | undefined {
  if (applied === null) return 'serves nothing yet'
  if (applied.epoch !== head.epoch) return 'serves another history (its epoch differs)'
  if (applied.revision > head.revision) return 'is ahead of the database'
  return applied.revision < revision ? 'has not applied it yet' : undefined
}

/**
 * The instance is measured by the log. Its workers are measured by what they were given: while
 * objects are quarantined, that is known for the instance's present revision only.
 */
function* mismatches(
  { id, report }: AssessedInstance,
  { head, digests }: FleetFacts,
): Generator<DigestMismatch> {
  const { applied, servedDigest, workers, quarantinedTotal } = report
  const marks = [
    { worker: null, mark: applied, expected: digests.get(applied?.revision ?? 0) },
    ...workers.map(({ id: worker, applied: mark }) => ({
      ...{ worker, mark },
      expected: expectedOf(mark),
    })),
  ]
  for (const { worker, mark, expected } of marks) {
    if (mark === null || mark.epoch !== head.epoch) continue
    if (expected === undefined || expected === null || mark.digest === expected) continue
    const { revision, digest } = mark
    yield { instance: id, host: report.hostname, worker, revision, digest, expected }
  }

  function expectedOf(mark: RevisionMark | null): string | null | undefined {
    if (mark?.revision === applied?.revision) return servedDigest
    return quarantinedTotal === 0 ? digests.get(mark?.revision ?? 0) : undefined
  }
}
