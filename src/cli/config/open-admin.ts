import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { loadAdminClientSettings } from '../../settings/client-settings.ts'
import { formatListenAddress } from '../../settings/listen-address.ts'
import { EXIT } from '../../support/exit-codes.ts'
import { reachable } from '../fetch-json.ts'
import { type AdminClient, createAdminClient } from './admin-client.ts'
import { ConfigFailure } from './config-failure.ts'
import type { ConfigFlags } from './config-flags.ts'

/** The Admin API that flags and settings lead to. @throws SettingsError, ConfigFailure */
export async function openAdmin({
  envFile,
  adminUrl,
  group,
}: ConfigFlags): Promise<{ admin: AdminClient; group: string }> {
  const settings = loadAdminClientSettings({ envFile })
  const key = settings.adminKey ?? (await readKeptKey(settings.dataDir))
  if (key === undefined) {
    throw new ConfigFailure(EXIT.CONFIG, 'HOLDFAST_ADMIN_KEY is not set: the key of the Admin API')
  }
  const address = formatListenAddress(reachable(settings.adminListen))
  const url = adminUrl ?? new URL(`http://${address}`)
  const chosen = group ?? settings.group
  return { admin: createAdminClient({ url, key, group: chosen }), group: chosen }
}

/** The key that quickstart made. */
async function readKeptKey(dataDir: string): Promise<string | undefined> {
  try {
    return (await readFile(join(dataDir, 'admin-key'), 'utf8')).trim() || undefined
  } catch {
    return undefined
  }
}
