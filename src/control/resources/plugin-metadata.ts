import { defineResource } from '../resource-definition.ts'

export const pluginMetadata = defineResource({
  kind: 'plugin_metadata',
  label: 'plugin_metadata',
  key: 'id',
  unsupported: ['POST', 'PATCH'],
})
