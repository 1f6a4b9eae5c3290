import type { Change } from '../model/revision.ts'
import { LOAD_ORDER } from '../model/snapshot.ts'

/** Puts before deletes, ordered so that nothing refers to what isn't there yet, or any longer. */
export function inDependencyOrder(changes: readonly Change[]): readonly Change[] {
  if (changes.length === 1) return changes
  const rank = (change: Change) => {
    const order = LOAD_ORDER.indexOf(change.kind)
    return change.op === 'put' ? order : 2 * LOAD_ORDER.length - order
  }
  return [...changes].sort((a, b) => rank(a) - rank(b))
}
