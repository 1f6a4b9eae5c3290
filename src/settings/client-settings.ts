import Type from 'typebox'
import { CATALOGUE } from './catalogue.ts'
import type { ListenAddress } from './listen-address.ts'
import { loadSettings, type SettingsSource } from './load-settings.ts'

const STATUS_SCHEMA = Type.Pick(Type.Object(CATALOGUE), ['HOLDFAST_STATUS_LISTEN'])
const MIGRATE_SCHEMA = Type.Pick(Type.Object(CATALOGUE), [
  'HOLDFAST_DATABASE_URL',
  'HOLDFAST_LOG_LEVEL',
])

/** Where `holdfast status` finds the gateway; throws SettingsError. */
export function loadStatusAddress(source: SettingsSource = {}): ListenAddress {
  return loadSettings(STATUS_SCHEMA, source).values.HOLDFAST_STATUS_LISTEN
}

/** What `holdfast migrate` reads; throws SettingsError. */
export function loadMigrateSettings(source: SettingsSource = {}) {
  const { values } = loadSettings(MIGRATE_SCHEMA, source)
  return { databaseUrl: values.HOLDFAST_DATABASE_URL, logLevel: values.HOLDFAST_LOG_LEVEL }
}
