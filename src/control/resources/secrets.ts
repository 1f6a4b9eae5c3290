import type { ResourceDefinition } from '../resource-definition.ts'

export const secrets: ResourceDefinition = {
  kind: 'secrets',
  label: 'secret',
  key: 'id',
  unsupported: ['POST'],
  refersTo: [],
  references: () => [],
}
