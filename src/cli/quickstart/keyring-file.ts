import { randomBytes } from 'node:crypto'
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from '../../support/atomic-file.ts'

/** Path of the keyring of the last start, or of a new one: `<dataDir>/keyring`, for its owner only. */
export async function ensureKeyringFile(dataDir: string): Promise<string> {
  const path = join(dataDir, 'keyring')
  const missing = await access(path).then(
    () => false,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return true
      throw error
    },
  )
  if (missing) await writeFileAtomic(path, `quickstart:${randomBytes(32).toString('base64')}\n`)
  return path
}
