import { defineResource } from '../resource-definition.ts'

export const secrets = defineResource({
  kind: 'secrets',
  label: 'secret',
  key: 'id',
  unsupported: ['POST'],
})
