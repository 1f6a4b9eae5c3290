import type { ResourceDefinition } from '../resource-definition.ts'
import { upstreamReferences } from './upstream-reference.ts'

export const upstreams: ResourceDefinition = {
  kind: 'upstreams',
  label: 'upstream',
  key: 'id',
  unsupported: [],
  refersTo: ['ssls'],
  references: upstreamReferences,
}
