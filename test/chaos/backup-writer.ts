/** Writes backups as fast as it can until it is killed: `backup-writer.ts DATA_DIR`. */
import { pino } from 'pino'
import { createBackup } from '../../src/primary/backup/backup.ts'
import type { ServingConfig } from '../../src/primary/serving-config.ts'
import { configAt } from './revision-config.ts'

const [dataDir = ''] = process.argv.slice(2)
const log = pino({ level: 'silent' })
let current: ServingConfig | undefined
const options = { dataDir, group: 'default', generations: 5, log, current: () => current }
const first = (await createBackup(options).load())?.snapshot._meta.revision ?? 0
for (let revision = first + 1; ; revision++) {
  current = await configAt(revision)
  const backup = createBackup(options)
  backup.schedule()
  await backup.stop()
  process.stdout.write('.')
}
