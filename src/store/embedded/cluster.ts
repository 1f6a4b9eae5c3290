import { randomBytes } from 'node:crypto'
import { chown, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { GatewayError } from '../../model/errors.ts'
import { syncFolder } from '../../support/sync-folder.ts'
import type { PostgresAccount } from './account.ts'
import type { PostgresBinaries } from './binaries.ts'
import { run } from './run.ts'

/** Superuser and database of the embedded server. */
export const EMBEDDED_NAME = 'holdfast'

/**
 * Makes the cluster in `dataDir` unless it is there. It is built under another name and renamed
 * when complete, so that a kill half-way leaves nothing that blocks the next start.
 * @returns the superuser's password, made once and kept in `dataDir/password`, mode 0600.
 */
export async function ensureCluster(
  dataDir: string,
  binaries: PostgresBinaries,
  account: PostgresAccount,
  durable: boolean,
): Promise<{ password: string; created: boolean }> {
  const cluster = join(dataDir, 'cluster')
  const passwordFile = join(dataDir, 'password')
  if (await exists(join(cluster, 'PG_VERSION'))) {
    return { password: await readPassword(passwordFile), created: false }
  }

  const password = await ensurePassword(passwordFile, account)
  await removeUnfinished(dataDir)
  const unfinished = join(dataDir, `unfinished-${process.pid}`)
  const { code, stderr } = await run([
    ...account.prefix,
    binaries.initdb,
    ...['-D', unfinished, '-U', EMBEDDED_NAME, '-E', 'UTF8', '--locale=C'],
    ...['--auth=scram-sha-256', `--pwfile=${passwordFile}`, '--no-instructions'],
    ...(durable ? [] : ['--no-sync']),
  ])
  if (code !== 0) {
    await rm(unfinished, { recursive: true, force: true })
    throw new GatewayError(
      'GW_EMBEDDED_DATABASE',
      `the embedded PostgreSQL could not set up its data in ${dataDir}: ${stderr.trim()}`,
    )
  }
  await rename(unfinished, cluster)
  if (durable) await syncFolder(dataDir)
  return { password, created: true }
}

async function readPassword(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch (cause) {
    throw new GatewayError(
      'GW_EMBEDDED_DATABASE',
      `the password of the embedded PostgreSQL cannot be read from ${file}`,
      { cause },
    )
  }
}

async function ensurePassword(file: string, account: PostgresAccount): Promise<string> {
  if (await exists(file)) return readPassword(file)
  const password = randomBytes(24).toString('base64url')
  const unfinished = `${file}.${process.pid}`
  const handle = await open(unfinished, 'w', 0o600)
  try {
    await handle.writeFile(`${password}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  if (account.owner) await chown(unfinished, account.owner.uid, account.owner.gid)
  await rename(unfinished, file)
  return password
}

async function removeUnfinished(dataDir: string): Promise<void> {
  for (const name of await readdir(dataDir)) {
    if (name.startsWith('unfinished-')) {
      await rm(join(dataDir, name), { recursive: true, force: true })
    }
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
