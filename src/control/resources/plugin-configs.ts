import { defineResource } from '../resource-definition.ts'

export const pluginConfigs = defineResource({
  kind: 'plugin_configs',
  label: 'plugin config',
  key: 'id',
  unsupported: ['POST'],
})
