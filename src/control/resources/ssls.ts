import { defineResource } from '../resource-definition.ts'

export const ssls = defineResource({
  kind: 'ssls',
  label: 'ssl',
  key: 'id',
  unsupported: [],
  hidden: ['key', 'keys'],
  notServed: true,
  nature: ({ type }) => type,
})
