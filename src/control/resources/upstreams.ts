import { defineResource } from '../resource-definition.ts'

export const upstreams = defineResource({
  kind: 'upstreams',
  label: 'upstream',
  key: 'id',
  unsupported: [],
})
