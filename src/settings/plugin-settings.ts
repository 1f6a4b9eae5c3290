import { isAbsolute, resolve } from 'node:path'
import { setting } from './setting.ts'

/** Which plugins there are; for gateways and control planes alike. */
export const PLUGIN_CATALOGUE = {
  HOLDFAST_PLUGINS: setting({
    allowed: 'comma-separated files (./my-plugin.js) and names of packages',
    default: '',
    decode: (text) => listOf(text).map(decodeSpecifier),
  }),
  HOLDFAST_PLUGINS_ENABLED: setting({
    allowed: 'all, or comma-separated names of plugins',
    default: 'all',
    decode: (text) => (text === 'all' ? undefined : decodeNames(text)),
  }),
}

export function toPluginSettings(values: {
  HOLDFAST_PLUGINS: readonly string[]
  HOLDFAST_PLUGINS_ENABLED: readonly string[] | undefined
}) {
  return {
    /** Absolute paths and package names of plugins that users wrote. */
    external: values.HOLDFAST_PLUGINS,
    /** Names of the plugins that are turned on; undefined = all. */
    enabled: values.HOLDFAST_PLUGINS_ENABLED,
  }
}

function listOf(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

/** What looks like a path is one; everything else is a package. */
function decodeSpecifier(text: string): string {
  return text.startsWith('.') || isAbsolute(text) ? resolve(text) : text
}

function decodeNames(text: string): string[] {
  const names = listOf(text)
  const bad = names.find((name) => !/^[a-z0-9-]+$/.test(name))
  if (bad !== undefined) throw new Error('has a name that no plugin can have')
  return names
}
