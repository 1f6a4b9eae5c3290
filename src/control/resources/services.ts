import { type ResourceDefinition, referenceIn } from '../resource-definition.ts'
import { upstreamReferences } from './upstream-reference.ts'

export const services: ResourceDefinition = {
  kind: 'services',
  label: 'service',
  key: 'id',
  unsupported: [],
  refersTo: ['upstreams', 'ssls'],
  references: (service) => [
    ...referenceIn(service, 'upstream_id', 'upstreams'),
    ...upstreamReferences(service['upstream']),
  ],
}
