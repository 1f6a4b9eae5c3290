import type { ValidateFunction } from 'ajv'
import type { TSchema } from 'typebox'
import { isOfConsumer, type ResourceKind } from '../model/resource-kind.ts'
import { checkLuaOnlyMeta } from '../model/schemas/lua-only.ts'
import type { PluginMetadata } from '../model/schemas/plugin-metadata.ts'
import { type PluginLookup, PluginMeta } from '../model/schemas/plugin-schemas.ts'
import { describeFailure, shorten } from './validation-reason.ts'

/** What checking the configuration of plugins takes. */
export interface PluginChecks {
  findPlugin: PluginLookup
  compile: (schema: TSchema) => ValidateFunction
}

type Config = Record<string, unknown>

/** What is wrong with `plugins` of an object whose own schema has already spoken; fills their defaults. */
export function checkPlugins(
  kind: ResourceKind,
  { plugins = {} }: { plugins?: Record<string, Config> },
  checks: PluginChecks,
): string | undefined {
  for (const [name, config] of Object.entries(plugins)) {
    const problem = checkPlugin(kind, name, config, checks)
    if (problem !== undefined) {
      return isOfConsumer(kind) ? `invalid plugins configuration: ${problem}` : problem
    }
  }
  return undefined
}

function checkPlugin(
  kind: ResourceKind,
  name: string,
  config: Config,
  { findPlugin, compile }: PluginChecks,
): string | undefined {
  const metaProblem = checkMeta(name, config['_meta'], compile)
  if (metaProblem) return metaProblem
  const plugin = findPlugin(name)
  if (!plugin) return `unknown plugin [${shorten(name)}]`
  const schema = isOfConsumer(kind) ? (plugin.consumerSchema ?? plugin.schema) : plugin.schema
  const problem = checkConfig(config, compile(schema))
  return problem && `failed to check the configuration of plugin [${name}]: ${problem}`
}

function checkMeta(
  name: string,
  meta: unknown,
  compile: PluginChecks['compile'],
): string | undefined {
  if (meta === undefined) return undefined
  if (meta !== null && typeof meta === 'object') {
    const lua = checkLuaOnlyMeta(shorten(name), meta)
    if (lua) return lua
  }
  const validate = compile(PluginMeta)
  if (validate(meta)) return undefined
  const problem = describeFailure(meta, validate.errors ?? [])
  return `failed to check the configuration of plugin [${shorten(name)}]: property "_meta" validation failed: ${problem}`
}

/** `_meta` is everybody's, so no plugin's own schema knows of it. */
function checkConfig(config: Config, validate: ValidateFunction): string | undefined {
  const { _meta, ...own } = config
  if (!validate(own)) return describeFailure(own, validate.errors ?? [])
  Object.assign(config, own)
  return undefined
}

/** What is wrong with a plugin's metadata; `id` names the plugin. */
export function checkMetadata(
  metadata: PluginMetadata,
  { findPlugin, compile }: PluginChecks,
): string | undefined {
  const plugin = findPlugin(metadata.id)
  if (!plugin) return `invalid plugin name [${shorten(metadata.id)}]: there is no such plugin`
  if (!plugin.metadataSchema) return undefined
  const { id, create_time, update_time, ...own } = metadata
  const validate = compile(plugin.metadataSchema)
  if (!validate(own)) {
    return `invalid configuration: ${describeFailure(own, validate.errors ?? [])}`
  }
  Object.assign(metadata, own)
  return undefined
}
