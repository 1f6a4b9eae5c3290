import { defineResource } from '../resource-definition.ts'

export const credentials = defineResource({
  kind: 'credentials',
  label: 'credential',
  key: 'id',
  unsupported: ['POST', 'PATCH'],
})
