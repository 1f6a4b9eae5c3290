import { defineResource } from '../resource-definition.ts'

export const protos = defineResource({
  kind: 'protos',
  label: 'proto',
  key: 'id',
  unsupported: ['PATCH'],
  notServed: true,
})
