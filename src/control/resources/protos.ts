import type { ResourceDefinition } from '../resource-definition.ts'

export const protos: ResourceDefinition = {
  kind: 'protos',
  label: 'proto',
  key: 'id',
  unsupported: ['PATCH'],
  refersTo: [],
  references: () => [],
  notServed: true,
}
