import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from '../../support/atomic-file.ts'

/** The key of the last start, or a new one: kept in `<dataDir>/admin-key`, for its owner only. */
export async function ensureAdminKey(dataDir: string): Promise<string> {
  const path = join(dataDir, 'admin-key')
  const kept = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  if (kept.trim() !== '') return kept.trim()
  const key = randomBytes(32).toString('hex')
  await writeFileAtomic(path, `${key}\n`)
  return key
}
