import type { Static } from 'typebox'
import { Type } from '../model/schema-builder.ts'
import { CATALOGUE } from './catalogue.ts'
import { toKeys } from './keyring-settings.ts'
import { loadSettings, type SettingsSource } from './load-settings.ts'

/** Everything: what is wrong for one of its children is said before any of them starts. */
const QUICKSTART_SCHEMA = Type.Object({
  ...CATALOGUE,
  HOLDFAST_DATABASE_URL: Type.Optional(CATALOGUE.HOLDFAST_DATABASE_URL),
  HOLDFAST_ADMIN_KEY: Type.Optional(CATALOGUE.HOLDFAST_ADMIN_KEY),
  HOLDFAST_CONFIG_FILE: Type.Optional(CATALOGUE.HOLDFAST_CONFIG_FILE),
})

export type QuickstartSettings = ReturnType<typeof toQuickstartSettings>

/** Settings of quickstart, decoded; throws SettingsError. */
export function loadQuickstartSettings(source: SettingsSource = {}): QuickstartSettings {
  const { values, envFile } = loadSettings(QUICKSTART_SCHEMA, source)
  return toQuickstartSettings(values, envFile)
}

function toQuickstartSettings(
  values: Static<typeof QUICKSTART_SCHEMA>,
  envFile: string | undefined,
) {
  return {
    /** The file that the settings were read from, if any. */
    envFile,
    /** Absolute. */
    dataDir: values.HOLDFAST_DATA_DIR,
    /** A database of one's own: then none is embedded. */
    databaseUrl: values.HOLDFAST_DATABASE_URL,
    adminKey: values.HOLDFAST_ADMIN_KEY,
    /** None: quickstart makes a keyring of its own. */
    keys: toKeys(values),
    adminListen: values.HOLDFAST_ADMIN_LISTEN,
    httpListen: values.HOLDFAST_HTTP_LISTEN,
    statusListen: values.HOLDFAST_STATUS_LISTEN,
    metricsListen: values.HOLDFAST_METRICS_LISTEN,
    /** Undefined = off. */
    controlApiListen: values.HOLDFAST_CONTROL_API_LISTEN,
    drainTimeoutMs: values.HOLDFAST_DRAIN_TIMEOUT_MS,
    logLevel: values.HOLDFAST_LOG_LEVEL,
  }
}
