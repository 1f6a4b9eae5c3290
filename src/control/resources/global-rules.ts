import type { ResourceBody } from '../../model/resource-kind.ts'
import { type ConfigView, defineResource } from '../resource-definition.ts'

export const globalRules = defineResource({
  kind: 'global_rules',
  label: 'global rule',
  key: 'id',
  unsupported: ['POST'],
  check: checkConflicts,
})

/** A plugin may stand in one global rule only: two could not agree which configuration counts. */
async function checkConflicts(
  view: ConfigView,
  id: string,
  rule: ResourceBody,
): Promise<string | undefined> {
  const names = Object.keys(rule['plugins'] ?? {})
  if (names.length === 0) return undefined
  for (const other of await view.list('global_rules')) {
    if (String(other.body.id) === id) continue
    const name = names.find((plugin) => Object.hasOwn(other.body['plugins'] ?? {}, plugin))
    if (name !== undefined) {
      return `plugin '${name}' already exists in global rule with id '${other.body.id}'`
    }
  }
  return undefined
}
