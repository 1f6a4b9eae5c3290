import type { ResourceKind } from '../model/resource-kind.ts'
import type { ResourceDefinition } from './resource-definition.ts'
import { consumerGroups } from './resources/consumer-groups.ts'
import { consumers } from './resources/consumers.ts'
import { credentials } from './resources/credentials.ts'
import { globalRules } from './resources/global-rules.ts'
import { pluginConfigs } from './resources/plugin-configs.ts'
import { pluginMetadata } from './resources/plugin-metadata.ts'
import { protos } from './resources/protos.ts'
import { routes } from './resources/routes.ts'
import { secrets } from './resources/secrets.ts'
import { services } from './resources/services.ts'
import { ssls } from './resources/ssls.ts'
import { streamRoutes } from './resources/stream-routes.ts'
import { upstreams } from './resources/upstreams.ts'

/** All that the Admin API serves. */
export const RESOURCE_DEFINITIONS: Record<ResourceKind, ResourceDefinition> = {
  routes,
  services,
  upstreams,
  consumers,
  credentials,
  consumer_groups: consumerGroups,
  plugin_configs: pluginConfigs,
  global_rules: globalRules,
  plugin_metadata: pluginMetadata,
  ssls,
  stream_routes: streamRoutes,
  protos,
  secrets,
}
