import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { startEmbeddedPostgres } from '../../src/store/embedded-postgres.ts'

/** A folder and a PostgreSQL that are gone when `work` is done. */
export async function withPostgres(
  work: (folder: string, databaseUrl: string) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))
  try {
    const log = pino({ level: 'silent' })
    const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres'), log })
    try {
      await work(folder, postgres.url)
    } finally {
      await postgres.stop()
    }
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 })
  }
}
