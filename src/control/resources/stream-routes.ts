import { type ResourceDefinition, referenceIn } from '../resource-definition.ts'
import { upstreamReferences } from './upstream-reference.ts'

export const streamRoutes: ResourceDefinition = {
  kind: 'stream_routes',
  label: 'stream route',
  key: 'id',
  unsupported: ['PATCH'],
  refersTo: ['upstreams', 'services', 'ssls'],
  references: (route) => [
    ...referenceIn(route, 'upstream_id', 'upstreams'),
    ...referenceIn(route, 'service_id', 'services'),
    ...upstreamReferences(route['upstream']),
  ],
  notServed: true,
}
