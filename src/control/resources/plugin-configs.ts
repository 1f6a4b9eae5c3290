import type { ResourceDefinition } from '../resource-definition.ts'

export const pluginConfigs: ResourceDefinition = {
  kind: 'plugin_configs',
  label: 'plugin config',
  key: 'id',
  unsupported: ['POST'],
  refersTo: [],
  references: () => [],
}
