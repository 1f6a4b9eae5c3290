import { Type } from '../model/schema-builder.ts'
import { CATALOGUE } from './catalogue.ts'
import type { ListenAddress } from './listen-address.ts'
import { loadSettings, type SettingsSource } from './load-settings.ts'
import { PLUGIN_CATALOGUE, toPluginSettings } from './plugin-settings.ts'

const STATUS_SCHEMA = Type.Pick(Type.Object(CATALOGUE), ['HOLDFAST_STATUS_LISTEN'])
const MIGRATE_SCHEMA = Type.Pick(Type.Object(CATALOGUE), [
  'HOLDFAST_DATABASE_URL',
  'HOLDFAST_LOG_LEVEL',
])

const ADMIN_SCHEMA = Type.Object({
  HOLDFAST_ADMIN_LISTEN: CATALOGUE.HOLDFAST_ADMIN_LISTEN,
  HOLDFAST_ADMIN_KEY: Type.Optional(CATALOGUE.HOLDFAST_ADMIN_KEY),
  HOLDFAST_DATA_DIR: CATALOGUE.HOLDFAST_DATA_DIR,
  HOLDFAST_GATEWAY_GROUP: CATALOGUE.HOLDFAST_GATEWAY_GROUP,
})

/** Where `holdfast status` finds the gateway; throws SettingsError. */
export function loadStatusAddress(source: SettingsSource = {}): ListenAddress {
  return loadSettings(STATUS_SCHEMA, source).values.HOLDFAST_STATUS_LISTEN
}

/** What `holdfast migrate` reads; throws SettingsError. */
export function loadMigrateSettings(source: SettingsSource = {}) {
  const { values } = loadSettings(MIGRATE_SCHEMA, source)
  return { databaseUrl: values.HOLDFAST_DATABASE_URL, logLevel: values.HOLDFAST_LOG_LEVEL }
}

/** What verbs that ask the Admin API read; throws SettingsError. */
export function loadAdminClientSettings(source: SettingsSource = {}) {
  const { values } = loadSettings(ADMIN_SCHEMA, source)
  return {
    adminListen: values.HOLDFAST_ADMIN_LISTEN,
    /** Undefined: quickstart has made one, and keeps it in the data directory. */
    adminKey: values.HOLDFAST_ADMIN_KEY,
    dataDir: values.HOLDFAST_DATA_DIR,
    group: values.HOLDFAST_GATEWAY_GROUP,
  }
}

/** The plugins that files may name; throws SettingsError. */
export function loadPluginSettings(source: SettingsSource = {}) {
  return toPluginSettings(loadSettings(Type.Object(PLUGIN_CATALOGUE), source).values)
}
