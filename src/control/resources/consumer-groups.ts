import { defineResource } from '../resource-definition.ts'

export const consumerGroups = defineResource({
  kind: 'consumer_groups',
  label: 'consumer group',
  key: 'id',
  unsupported: ['POST'],
})
