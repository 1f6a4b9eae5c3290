import type { ResourceDefinition } from '../resource-definition.ts'

export const consumerGroups: ResourceDefinition = {
  kind: 'consumer_groups',
  label: 'consumer group',
  key: 'id',
  unsupported: ['POST'],
  refersTo: [],
  references: () => [],
}
