import { consumerOf } from '../../model/credential-id.ts'
import type { ResourceDefinition } from '../resource-definition.ts'

export const credentials: ResourceDefinition = {
  kind: 'credentials',
  label: 'credential',
  key: 'id',
  unsupported: ['POST', 'PATCH'],
  refersTo: [],
  references: () => [],
  owner: (id) => ({ kind: 'consumers', id: consumerOf(id) }),
}
