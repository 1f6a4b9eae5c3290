import type { ValidateFunction } from 'ajv'
import type { TSchema } from 'typebox'
import { isOfConsumer, type ResourceKind } from '../model/resource-kind.ts'
import { checkLuaOnlyMeta, checkLuaOnlyPlugin } from '../model/schemas/lua-only.ts'
import type { PluginMetadata } from '../model/schemas/plugin-metadata.ts'
import {
  type PluginLookup,
  PluginMeta,
  type PluginSchemas,
} from '../model/schemas/plugin-schemas.ts'
import { checkExpression } from './expression/expression.ts'
import { hasReference, withoutReferences } from './trusted-references.ts'
import { describeFailure, shorten } from './validation-reason.ts'

/** What checking the configuration of plugins takes. */
export interface PluginChecks {
  findPlugin: PluginLookup
  compile: (schema: TSchema) => ValidateFunction
  /** The same, for a validator that tells of all failures. */
  compileThorough: (schema: TSchema) => ValidateFunction
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
  checks: PluginChecks,
): string | undefined {
  const shown = shorten(name)
  const metaProblem = checkMeta(shown, config['_meta'], checks.compile)
  if (metaProblem) return metaProblem
  const plugin = checks.findPlugin(name)
  if (!plugin) return checkLuaOnlyPlugin(name) ?? `unknown plugin [${shown}]`
  if (kind === 'credentials' && !isAuth(plugin)) {
    return `only supports auth type plugins in consumer credential: [${shown}] is none`
  }
  const schema = isOfConsumer(kind) ? (plugin.consumerSchema ?? plugin.schema) : plugin.schema
  const problem = checkConfig(config, schema, checks) ?? checkNested(plugin, config, checks)
  // As in APISIX: what never runs may be wrong.
  if (!problem || isDisabled(config)) return undefined
  return pluginFailure(shown, problem)
}

function isAuth({ type, consumerSchema }: PluginSchemas): boolean {
  return type === 'auth' || consumerSchema !== undefined
}

function isDisabled(config: Config): boolean {
  return (config['_meta'] as PluginMeta | undefined)?.disable === true
}

function checkMeta(
  name: string,
  meta: unknown,
  compile: PluginChecks['compile'],
): string | undefined {
  if (meta === undefined) return undefined
  if (meta !== null && typeof meta === 'object') {
    const lua = checkLuaOnlyMeta(name, meta)
    if (lua) return lua
  }
  const validate = compile(PluginMeta)
  if (!validate(meta)) {
    const problem = describeFailure(meta, validate.errors ?? [])
    return pluginFailure(name, `property "_meta" validation failed: ${problem}`)
  }
  const { filter } = meta as PluginMeta
  const problem = filter && checkExpression(filter)
  return problem && pluginFailure(name, `failed to validate the 'vars' expression: ${problem}`)
}

/** How a refusal names its plugin, in APISIX's words; src/cli/config/reason-path.ts reads it. */
export function pluginFailure(plugin: string, problem: string): string {
  return `failed to check the configuration of plugin ${plugin} err: ${problem}`
}

/** `_meta` is everybody's, so no plugin's own schema knows of it. */
function checkConfig(
  config: Config,
  schema: TSchema,
  { compile, compileThorough }: PluginChecks,
): string | undefined {
  const { _meta, ...own } = config
  const validate = compile(schema)
  if (!validate(own)) {
    if (!hasReference(own)) return describeFailure(own, validate.errors ?? [])
    const validateAll = compileThorough(schema)
    const left = validateAll(own) ? [] : withoutReferences(validateAll.errors ?? [])
    if (left.length > 0) return describeFailure(own, left)
  }
  Object.assign(config, own)
  return undefined
}

/** What is wrong with the configurations of other plugins in one that is valid so far. */
function checkNested(
  { nestedPlugins }: PluginSchemas,
  outer: Config,
  checks: PluginChecks,
): string | undefined {
  for (const { name, type, config } of nestedPlugins?.(outer) ?? []) {
    const plugin = checks.findPlugin(name)
    const shown = shorten(name)
    if (!plugin) return `${shown} plugin did not found`
    if (type !== undefined && plugin.type !== type) return `${shown} plugin is not supported`
    // Nothing reads `_meta` of a plugin that another one runs.
    const meta = config['_meta'] === undefined ? undefined : '"_meta" has no effect here'
    const problem =
      meta ?? checkConfig(config, plugin.schema, checks) ?? checkNested(plugin, config, checks)
    if (problem) return `plugin ${shown} check schema failed: ${problem}`
  }
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
