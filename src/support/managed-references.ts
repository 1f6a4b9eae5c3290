import type { ResourceBody } from '../model/resource-kind.ts'
import { isManagedReference } from '../model/secret-reference.ts'

/** A reference to a secret of a manager, and its place in the object. */
export interface PlacedReference {
  path: readonly string[]
  reference: string
}

const NONE: readonly PlacedReference[] = []

/** The `$secret://` references in the plugins of an object. Those of certificates are nobody's yet. */
export function findManagedReferences({ plugins }: ResourceBody): readonly PlacedReference[] {
  if (plugins === undefined) return NONE
  let found: PlacedReference[] | undefined
  function look(value: unknown, path: readonly string[]): void {
    if (isManagedReference(value)) {
      found ??= []
      found.push({ path, reference: value })
    } else if (value !== null && typeof value === 'object') {
      for (const [key, part] of Object.entries(value)) {
        // Most parts are plain: no path is made for them.
        if (typeof part !== 'string' || isManagedReference(part)) look(part, [...path, key])
      }
    }
  }
  look(plugins, ['plugins'])
  return found ?? NONE
}
