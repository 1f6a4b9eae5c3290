import { defineResource } from '../resource-definition.ts'

export const services = defineResource({
  kind: 'services',
  label: 'service',
  key: 'id',
  unsupported: [],
})
