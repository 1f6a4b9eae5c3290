import type { Static } from 'typebox'
import { Type } from '../model/schema-builder.ts'
import { ADMIN_API_CATALOGUE, toAdminApiSettings } from './admin-api-settings.ts'
import { CATALOGUE } from './catalogue.ts'
import { FALLBACK_CATALOGUE, toFallbackSettings } from './fallback-settings.ts'
import { KEYRING_CATALOGUE, toKeys } from './keyring-settings.ts'
import { loadSettings, SettingsError, type SettingsSource } from './load-settings.ts'
import { PLUGIN_CATALOGUE, toPluginSettings } from './plugin-settings.ts'

/** What `holdfast control` reads. */
const CONTROL_SCHEMA = Type.Object({
  ...Type.Pick(Type.Object(CATALOGUE), [
    'HOLDFAST_DATABASE_URL',
    'HOLDFAST_DATABASE_LISTEN_URL',
    'HOLDFAST_ADMIN_KEY',
    'HOLDFAST_ADMIN_LISTEN',
    'HOLDFAST_POLL_INTERVAL_MS',
    'HOLDFAST_DRAIN_TIMEOUT_MS',
    'HOLDFAST_INSTANCE_LOST_AFTER_MS',
    'HOLDFAST_INSTANCE_OFFLINE_AFTER_MS',
    'HOLDFAST_INSTANCE_PURGE_AFTER_MS',
    'HOLDFAST_LOG_LEVEL',
    'HOLDFAST_LOG_FILE',
  ]).properties,
  ...ADMIN_API_CATALOGUE,
  ...PLUGIN_CATALOGUE,
  ...FALLBACK_CATALOGUE,
  ...KEYRING_CATALOGUE,
})

export type ControlSettings = ReturnType<typeof toControlSettings>

/** Settings of the control plane, decoded; throws SettingsError. */
export function loadControlSettings(source: SettingsSource = {}): ControlSettings {
  const { values, envFile } = loadSettings(CONTROL_SCHEMA, source)
  checkInstanceAges(values)
  return toControlSettings(values, envFile)
}

/** An instance is lost before it is offline, and offline before it is forgotten. */
function checkInstanceAges(values: Static<typeof CONTROL_SCHEMA>): void {
  const names = [
    'HOLDFAST_INSTANCE_LOST_AFTER_MS',
    'HOLDFAST_INSTANCE_OFFLINE_AFTER_MS',
    'HOLDFAST_INSTANCE_PURGE_AFTER_MS',
  ] as const
  const problems: string[] = []
  names.slice(1).forEach((name, index) => {
    const before = names[index]
    if (before === undefined || values[name] > values[before]) return
    problems.push(`${name} is ${values[name]}; allowed: more than ${before} (${values[before]})`)
  })
  if (problems.length > 0) throw new SettingsError(problems)
}

function toControlSettings(values: Static<typeof CONTROL_SCHEMA>, envFile: string | undefined) {
  return {
    /** The file that the settings were read from, if any. */
    envFile,
    databaseUrl: values.HOLDFAST_DATABASE_URL,
    /** For what needs a session of its own: LISTEN, and the lock of the S3 export. */
    databaseListenUrl: values.HOLDFAST_DATABASE_LISTEN_URL ?? values.HOLDFAST_DATABASE_URL,
    adminKey: values.HOLDFAST_ADMIN_KEY,
    adminApi: toAdminApiSettings(values),
    /** The first encrypts secrets before they are stored; none = they are stored as they are. */
    keys: toKeys(values),
    adminListen: values.HOLDFAST_ADMIN_LISTEN,
    pollIntervalMs: values.HOLDFAST_POLL_INTERVAL_MS,
    drainTimeoutMs: values.HOLDFAST_DRAIN_TIMEOUT_MS,
    /** Since the last heartbeat. */
    instanceAges: {
      lostAfterMs: values.HOLDFAST_INSTANCE_LOST_AFTER_MS,
      offlineAfterMs: values.HOLDFAST_INSTANCE_OFFLINE_AFTER_MS,
      purgeAfterMs: values.HOLDFAST_INSTANCE_PURGE_AFTER_MS,
    },
    logLevel: values.HOLDFAST_LOG_LEVEL,
    /** Undefined = stdout. */
    logFile: values.HOLDFAST_LOG_FILE,
    plugins: toPluginSettings(values),
    /** Undefined: no copy in S3. */
    fallback: toFallbackSettings(values),
  }
}
