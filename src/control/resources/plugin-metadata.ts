import type { ResourceDefinition } from '../resource-definition.ts'

export const pluginMetadata: ResourceDefinition = {
  kind: 'plugin_metadata',
  label: 'plugin_metadata',
  key: 'id',
  unsupported: ['POST', 'PATCH'],
  refersTo: [],
  references: () => [],
}
