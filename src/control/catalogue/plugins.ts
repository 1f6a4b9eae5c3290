import type { TSchema } from 'typebox'
import {
  type PluginCatalogue,
  type PluginDescription,
  PluginMeta,
} from '../../model/schemas/plugin-schemas.ts'
import { type Answer, refusal } from '../answer.ts'

type Subsystem = 'http' | 'stream'
type Query = Record<string, unknown>

/** Names of all plugins, those that run first first. */
export function listPlugins(plugins: PluginCatalogue, query: Query): Answer {
  const subsystem = subsystemOf(query)
  if (subsystem === undefined) return refusal(400, 'invalid subsystem passed')
  return { status: 200, body: pluginsOf(plugins, subsystem).map(({ name }) => name) }
}

/** Everything about all plugins, by name. */
export function describePlugins(plugins: PluginCatalogue, query: Query): Answer {
  const subsystem = subsystemOf(query)
  if (subsystem === undefined) return unsupported(query)
  const described = pluginsOf(plugins, subsystem).map((plugin) => [plugin.name, describe(plugin)])
  return { status: 200, body: Object.fromEntries(described) }
}

/** One of the schemas of a plugin; `schema_type` says which. */
export function pluginSchema(plugins: PluginCatalogue, name: string, query: Query): Answer {
  const subsystem = subsystemOf(query)
  if (subsystem === undefined) return unsupported(query)
  const plugin = plugins.find(name)
  if (plugin === undefined || !isOf(plugin, subsystem)) {
    return refusal(404, `plugin not found in subsystem ${subsystem}`)
  }
  const schema = schemaOf(plugin, query['schema_type'])
  return schema === undefined ? refusal(400, 'not found schema') : { status: 200, body: schema }
}

function schemaOf(plugin: PluginDescription, type: unknown): object | undefined {
  if (type === 'consumer') return plugin.consumerSchema
  if (type === 'metadata') return plugin.metadataSchema
  return withMeta(plugin.schema)
}

function describe(plugin: PluginDescription): object {
  const { schema, consumerSchema, metadataSchema, priority, type, version, scope } = plugin
  return {
    ...{ priority, version, type, scope },
    schema: withMeta(schema),
    consumer_schema: consumerSchema,
    metadata_schema: metadataSchema,
  }
}

/** `_meta` is every plugin's: a tool that checks with the schema must not refuse it. */
function withMeta(schema: TSchema): object {
  const { properties } = schema as { properties?: object }
  return properties === undefined
    ? schema
    : { ...schema, properties: { ...properties, _meta: PluginMeta } }
}

function pluginsOf(plugins: PluginCatalogue, subsystem: Subsystem): PluginDescription[] {
  return plugins.list().filter((plugin) => isOf(plugin, subsystem))
}

function isOf({ subsystems = ['http'] }: PluginDescription, subsystem: Subsystem): boolean {
  return subsystems.includes(subsystem)
}

function subsystemOf({ subsystem = 'http' }: Query): Subsystem | undefined {
  return subsystem === 'http' || subsystem === 'stream' ? subsystem : undefined
}

function unsupported({ subsystem }: Query): Answer {
  return refusal(400, `unsupported subsystem: ${String(subsystem).slice(0, 100)}`)
}
