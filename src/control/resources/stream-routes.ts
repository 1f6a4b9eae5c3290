import { defineResource, protocolOf } from '../resource-definition.ts'

export const streamRoutes = defineResource({
  kind: 'stream_routes',
  label: 'stream route',
  key: 'id',
  unsupported: ['PATCH'],
  notServed: true,
  nature: protocolOf,
})
