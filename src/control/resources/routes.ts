import { defineResource } from '../resource-definition.ts'

export const routes = defineResource({
  kind: 'routes',
  label: 'route',
  key: 'id',
  unsupported: [],
})
