import type { ResourceDefinition } from '../resource-definition.ts'

export const ssls: ResourceDefinition = {
  kind: 'ssls',
  label: 'ssl',
  key: 'id',
  unsupported: [],
  refersTo: [],
  references: () => [],
  hidden: ['key', 'keys'],
  notServed: true,
}
