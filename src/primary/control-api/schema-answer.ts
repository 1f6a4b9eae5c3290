import { RESOURCE_SHAPES } from '../../model/schemas/resource-schemas.ts'
import type { Plugin } from '../../plugins/contract.ts'
import type { PluginRegistry } from '../../plugins/registry.ts'
import type { ControlAnswer } from './control-answer.ts'

/** Kinds by the names that APISIX's schema has for them. */
const MAIN = {
  consumer: 'consumers',
  consumer_group: 'consumer_groups',
  global_rule: 'global_rules',
  plugin_config: 'plugin_configs',
  proto: 'protos',
  route: 'routes',
  service: 'services',
  ssl: 'ssls',
  stream_route: 'stream_routes',
  upstream: 'upstreams',
} as const

/** `/v1/schema`: what objects and plugins look like. No plugin is one of streams yet. */
export function schemaAnswer(registry: Pick<PluginRegistry, 'list'>): ControlAnswer {
  const main = Object.entries(MAIN).map(([name, kind]) => [name, RESOURCE_SHAPES[kind].schema])
  const plugins = registry.list().map((plugin) => [plugin.name, showPlugin(plugin)])
  return {
    status: 200,
    body: {
      main: { ...Object.fromEntries(main), plugins: { type: 'object' } },
      plugins: Object.fromEntries(plugins),
      stream_plugins: {},
    },
  }
}

function showPlugin({ schema, consumerSchema, metadataSchema, priority, type }: Plugin): object {
  return {
    schema,
    consumer_schema: consumerSchema,
    metadata_schema: metadataSchema,
    priority,
    type,
    // Plugins have no version of their own.
    version: 0.1,
  }
}
