import { type ResourceDefinition, referenceIn } from '../resource-definition.ts'

export const consumers: ResourceDefinition = {
  kind: 'consumers',
  label: 'consumer',
  key: 'username',
  unsupported: ['POST', 'PATCH'],
  refersTo: ['consumer_groups'],
  references: (consumer) => referenceIn(consumer, 'group_id', 'consumer_groups'),
}
