import { stat } from 'node:fs/promises'
import type { Logger } from 'pino'
import { ConfigState } from '../../model/config-state.ts'
import { ConfigError } from '../../model/errors.ts'
import { SNAPSHOT_FORMAT, type Snapshot } from '../../model/snapshot.ts'
import type { LoadedBackup } from '../backup/backup.ts'
import { decodeMeta } from './decode-snapshot.ts'
import { FILE_EPOCH } from './file-source.ts'
import { loadConfigFile } from './load-config-file.ts'

/**
 * A file that an operator named to boot from, as a backup: a snapshot, or an APISIX standalone file,
 * which has no history. Undefined when it can't be used; the reason is logged.
 */
export async function loadBootFile(
  file: string,
  group: string,
  log: Logger,
): Promise<LoadedBackup | undefined> {
  try {
    const { collections, meta } = await loadConfigFile(file)
    const _meta = meta === undefined ? await metaOf(file, group) : decodeMeta(meta, group)
    const snapshot = { ...collections, _meta } as Snapshot
    const edited = ConfigState.from(snapshot).mark.digest !== _meta.digest
    log.warn({ file, edited }, 'starting from a file')
    return { file, snapshot, edited }
  } catch (error) {
    const reason = error instanceof ConfigError ? error.message : String(error)
    log.error({ file, reason }, 'file to start from can not be used, trying the backups')
    return undefined
  }
}

async function metaOf(file: string, group: string): Promise<Snapshot['_meta']> {
  const { mtime } = await stat(file)
  const generatedAt = mtime.toISOString()
  return { format: SNAPSHOT_FORMAT, group, epoch: FILE_EPOCH, revision: 0, digest: '', generatedAt }
}
