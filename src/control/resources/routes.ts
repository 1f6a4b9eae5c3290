import { type ResourceDefinition, referenceIn } from '../resource-definition.ts'
import { upstreamReferences } from './upstream-reference.ts'

export const routes: ResourceDefinition = {
  kind: 'routes',
  label: 'route',
  key: 'id',
  unsupported: [],
  refersTo: ['upstreams', 'services', 'plugin_configs', 'ssls'],
  references: (route) => [
    ...referenceIn(route, 'upstream_id', 'upstreams'),
    ...referenceIn(route, 'service_id', 'services'),
    ...referenceIn(route, 'plugin_config_id', 'plugin_configs'),
    ...upstreamReferences(route['upstream']),
  ],
}
