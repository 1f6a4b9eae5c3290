import { isAbsolute } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ConfigError } from '../model/errors.ts'
import { CONTRACT_VERSION, type Plugin } from './contract.ts'

/**
 * Loads plugins that their users wrote: absolute paths of files, or names of packages. Each exports
 * one plugin, or a list of them, as its default.
 * @throws ConfigError naming the file or package and what is wrong with it.
 */
export async function loadExternalPlugins(specifiers: readonly string[]): Promise<Plugin[]> {
  const plugins = await Promise.all(specifiers.map(loadOne))
  return plugins.flat()
}

async function loadOne(specifier: string): Promise<Plugin[]> {
  const url = isAbsolute(specifier) ? pathToFileURL(specifier).href : specifier
  let exported: unknown
  try {
    ;({ default: exported } = (await import(url)) as { default?: unknown })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw refusal(specifier, `can't be loaded: ${reason}`, cause)
  }
  const plugins = Array.isArray(exported) ? exported : [exported]
  for (const plugin of plugins) {
    const problem = problemWith(plugin)
    if (problem !== undefined) throw refusal(specifier, problem)
  }
  return plugins as Plugin[]
}

/** What keeps a value from being a plugin of this contract. */
function problemWith(value: unknown): string | undefined {
  if (value === null || typeof value !== 'object') return 'has no plugin as its default export'
  const { contract, name, priority, schema, create } = value as Partial<Plugin>
  if (typeof name !== 'string' || !/^[a-z][a-z0-9-]{0,63}$/.test(name)) {
    return 'has no name of lower-case letters, digits and dashes'
  }
  if (contract !== CONTRACT_VERSION) {
    return `[${name}] is written for contract ${String(contract)}, this version has ${CONTRACT_VERSION}`
  }
  if (typeof priority !== 'number' || !Number.isFinite(priority)) return `[${name}] has no priority`
  if (schema === null || typeof schema !== 'object') return `[${name}] has no schema`
  return typeof create === 'function' ? undefined : `[${name}] has no create function`
}

function refusal(specifier: string, problem: string, cause?: unknown): ConfigError {
  return new ConfigError('GW_SETTINGS_INVALID', `plugin ${specifier} ${problem}`, { cause })
}
