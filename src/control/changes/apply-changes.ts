import type { Logger } from 'pino'
import { isOfConsumer, type ResourceBody } from '../../model/resource-kind.ts'
import type { ConfigRepository, ConfigTransaction } from '../../store/config-repository.ts'
import type { ResourceSecrets } from '../../support/resource-secrets.ts'
import { TimeSlice } from '../../support/time-slice.ts'
import type { ResourceValidator } from '../../support/validate-resource.ts'
import type { CredentialKeys } from '../credential-keys.ts'
import type { ChangeProblem, ChangeResult, CheckedChange } from './change-set.ts'
import type { PlannedObject } from './final-view.ts'
import { planChanges } from './plan-changes.ts'

/** 100 000 objects take some 20 s; others who write to the group wait, or are told to come again. */
const TIMEOUT_MS = 180_000

export interface ChangesDeps {
  repository: Pick<ConfigRepository, 'write'>
  validator: ResourceValidator
  secrets: ResourceSecrets
  credentialKeys: Pick<CredentialKeys, 'in' | 'suspects' | 'has' | 'note'>
  log: Logger
  /** Milliseconds since the epoch. */
  now: () => number
  /** Told of each group that something was written to. */
  onWritten?: ((group: string) => void) | undefined
}

interface ChangesRequest<R> {
  group: string
  actor: string
  /** Plans, but writes nothing. */
  dryRun: boolean
  /**
   * Says inside the transaction what is wanted, or why nothing is to be done. May run twice.
   */
  decide(tx: ConfigTransaction): Promise<{ changes: readonly CheckedChange[] } | { refuse: R }>
  /** What else goes into the transaction when there are no problems. */
  also?(tx: ConfigTransaction): Promise<void> | void
}

export type ChangesOutcome<R> =
  | { ok: true; revision: number; changed: number; results: ChangeResult[] }
  | { ok: false; problems: ChangeProblem[] }
  | { ok: false; refuse: R }

/** Applies many changes as one revision, or none of them. @throws StoreError */
export async function applyChanges<R = never>(
  deps: ChangesDeps,
  { group, actor, dryRun, decide, also }: ChangesRequest<R>,
): Promise<ChangesOutcome<R>> {
  const { repository, log, onWritten } = deps

  let written: readonly PlannedObject[] = []

  async function plan(tx: ConfigTransaction): Promise<ChangesOutcome<R>> {
    const decided = await decide(tx)
    if ('refuse' in decided) return { ok: false, refuse: decided.refuse }
    const { objects, results, problems } = await planChanges(tx, decided.changes, {
      ...deps,
      group,
    })
    if (problems.length > 0) return { ok: false, problems }
    if (!dryRun) {
      written = [...objects.values()]
      await writeObjects(tx, written, deps)
      await also?.(tx)
    }
    return { ok: true, revision: tx.revision, changed: objects.size, results }
  }

  const { result, mark, changed } = await repository.write(group, actor, plan, {
    timeoutMs: TIMEOUT_MS,
  })
  if (!result.ok || !changed) return result
  const { revision } = mark
  log.info({ group, revision, changes: result.changed, actor }, 'changes written')
  onWritten?.(group)
  await noteKeys(group, written, deps)
  return { ...result, revision }
}

/** The mirror says it too, some time later. */
async function noteKeys(
  group: string,
  written: readonly PlannedObject[],
  { credentialKeys }: ChangesDeps,
): Promise<void> {
  const slice = new TimeSlice()
  for (const { kind, id, value } of written) {
    if (isOfConsumer(kind)) credentialKeys.note({ group, kind, id }, value ?? undefined)
    if (slice.due) await slice.pause()
  }
}

async function writeObjects(
  tx: ConfigTransaction,
  objects: Iterable<PlannedObject>,
  { secrets, now }: ChangesDeps,
): Promise<void> {
  const seconds = Math.floor(now() / 1000)
  const slice = new TimeSlice()
  for (const { kind, id, value, stored } of objects) {
    if (value === null) await tx.delete(kind, id)
    else {
      const timed: ResourceBody = {
        ...value,
        create_time: stored?.body.create_time ?? value.create_time ?? seconds,
        update_time: seconds,
      }
      tx.put(kind, id, secrets.seal(kind, timed, stored?.body))
    }
    if (slice.due) await slice.pause()
  }
}
