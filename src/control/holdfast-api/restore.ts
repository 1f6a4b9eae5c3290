import type { Logger } from 'pino'
import type { ConfigRepository } from '../../store/config-repository.ts'
import type { RevisionLog } from '../../store/revision-log.ts'
import type { Answer } from '../answer.ts'
import { notInLog } from './revisions.ts'

interface RestoreDeps {
  repository: Pick<ConfigRepository, 'write'>
  history: RevisionLog
  log: Logger
  onWritten?: ((group: string) => void) | undefined
}

interface RestoreRequest {
  group: string
  actor: string
  revision: number
}

/**
 * Puts the configuration of an earlier revision back as one new revision: the bodies exactly as they
 * were, so that the digest is that of the earlier one too. What that revision referred to was there,
 * so references hold.
 */
export async function restoreRevision(
  { repository, history, log, onWritten }: RestoreDeps,
  { group, actor, revision: restored }: RestoreRequest,
): Promise<Answer> {
  const { head } = (await history.extent(group)) ?? {}
  // Not left to the transaction: it would make a head for a group that nobody uses.
  if (head === undefined) return notInLog(history, group, restored)
  const { result, mark, changed } = await repository.write(group, actor, (tx) =>
    tx.restore(restored),
  )
  if (result === undefined) return notInLog(history, group, restored)
  const { revision, digest } = mark
  if (changed) {
    log.info({ group, revision, restored, changes: result.length, actor }, 'revision restored')
    onWritten?.(group)
  }
  return {
    status: 200,
    body: { revision, restored, digest, changes: result },
    headers: { 'x-holdfast-revision': `${revision}` },
    written: revision,
  }
}
