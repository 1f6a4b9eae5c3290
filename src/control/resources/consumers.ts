import { defineResource } from '../resource-definition.ts'

export const consumers = defineResource({
  kind: 'consumers',
  label: 'consumer',
  key: 'username',
  unsupported: ['POST', 'PATCH'],
})
