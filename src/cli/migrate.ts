import { loadMigrateSettings } from '../settings/client-settings.ts'
import { createDatabase } from '../store/database.ts'
import { migrate, SCHEMA_VERSION } from '../store/migrations.ts'
import { EXIT } from '../support/exit-codes.ts'
import { createLogger } from '../support/logger.ts'
import type { Flags } from './verb-flags.ts'

/** `holdfast migrate`: brings the schema of the database up to date; harmless to repeat. */
export async function runMigrateVerb({ envFile }: Flags): Promise<number> {
  const { databaseUrl, logLevel } = loadMigrateSettings({ envFile })
  const log = createLogger({ level: logLevel, role: 'migrate', stream: process.stderr })
  const database = createDatabase({ url: databaseUrl, log, applicationName: 'holdfast migrate' })
  try {
    await migrate(database, log)
  } finally {
    await database.stop()
  }
  process.stdout.write(`the schema is at version ${SCHEMA_VERSION}\n`)
  return EXIT.OK
}
