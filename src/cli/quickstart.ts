import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { loadQuickstartSettings, type QuickstartSettings } from '../settings/quickstart-settings.ts'
import { claimDataDir } from '../store/embedded/claim.ts'
import { EXIT } from '../support/exit-codes.ts'
import { createLogger } from '../support/logger.ts'
import { ensureAdminKey } from './quickstart/admin-key.ts'
import { quickstartBanner } from './quickstart/banner.ts'
import { choosePorts } from './quickstart/choose-ports.ts'
import { startDemoNode } from './quickstart/demo-node.ts'
import { ensureKeyringFile } from './quickstart/keyring-file.ts'
import { watchParent } from './quickstart/parent-watch.ts'
import { createRoleLog } from './quickstart/role-log.ts'
import { startRoles } from './quickstart/start-roles.ts'
import { superviseDatabase } from './quickstart/supervised-database.ts'
import { onStopSignal } from './stop-signal.ts'
import type { Flags } from './verb-flags.ts'

/** `holdfast quickstart`: an embedded PostgreSQL, one control plane, one gateway, kept running. */
export async function runQuickstart({ envFile }: Flags): Promise<number> {
  const settings = loadQuickstartSettings({ envFile })
  const stopAsked = new AbortController()
  function stop(): void {
    if (!stopAsked.signal.aborted) process.stdout.write('\nStopping …\n')
    stopAsked.abort()
  }
  onStopSignal(stop)
  // The terminal was closed.
  process.on('SIGHUP', stop)
  watchParent(stop)

  // What was started stops the other way round, also when a later start fails.
  await using parts = new AsyncDisposableStack()
  const banner = await startAll(settings, parts, stopAsked.signal)
  if (stopAsked.signal.aborted) return EXIT.OK
  process.stdout.write(banner)
  await new Promise((resolve) => stopAsked.signal.addEventListener('abort', resolve))
  return EXIT.OK
}

async function startAll(
  settings: QuickstartSettings,
  parts: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<string> {
  const { dataDir } = settings
  const logDir = join(dataDir, 'log')
  await mkdir(logDir, { recursive: true })
  parts.defer(await claimDataDir(dataDir))
  const listeners = await choosePorts(settings)
  const adminKey = settings.adminKey ?? (await ensureAdminKey(dataDir))
  process.stdout.write('Starting PostgreSQL, a control plane and a gateway …\n')

  const log = startLog(settings, logDir, parts)
  const demo = await startDemoNode(dataDir)
  parts.defer(demo.stop)
  const databaseUrl = settings.databaseUrl ?? (await startDatabase(dataDir, log, parts))
  if (!signal.aborted) {
    const keyringFile = await ownKeyring(settings)
    const keys = { adminKey, keyringFile }
    await startRoles({ settings, listeners, databaseUrl, ...keys, logDir, log, parts, signal })
  }
  return quickstartBanner({ ...listeners, demoPort: demo.port, adminKey, dataDir })
}

/** With a database of its own. One that others use too must be encrypted with a key that they know. */
async function ownKeyring(settings: QuickstartSettings): Promise<string | undefined> {
  if (settings.keys.length > 0 || settings.databaseUrl !== undefined) return undefined
  return ensureKeyringFile(settings.dataDir)
}

function startLog(
  { logLevel }: QuickstartSettings,
  logDir: string,
  parts: AsyncDisposableStack,
): Logger {
  const output = createRoleLog(logDir, 'quickstart')
  parts.defer(() => output.close())
  return createLogger({ level: logLevel, role: 'quickstart', stream: output.createStream() })
}

async function startDatabase(
  dataDir: string,
  log: Logger,
  parts: AsyncDisposableStack,
): Promise<string> {
  const database = await superviseDatabase(join(dataDir, 'postgres'), log)
  parts.defer(() => database.stop())
  return database.url
}
