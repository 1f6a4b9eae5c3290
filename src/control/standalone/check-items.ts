import { TimeSlice } from '../../support/time-slice.ts'
import type { CheckedChange } from '../changes/change-set.ts'
import { type ObjectChecks, validObject } from '../changes/check-changes.ts'
import { lacksHidden } from '../changes/hidden-fields.ts'
import type { SectionItem, SectionProblem, StandaloneDocument } from './sections.ts'

/** An object of a document that is valid by itself; its change's index is that of the item. */
export interface CheckedItem {
  item: SectionItem
  change: CheckedChange
}

interface CheckedItems {
  checked: CheckedItem[]
  /** All of them, in the order of the document's sections. */
  problems: SectionProblem[]
}

/** Checks each object of a document by itself, in slices; references are not followed. */
export async function checkItems(
  { items, problems }: StandaloneDocument,
  checks: ObjectChecks,
): Promise<CheckedItems> {
  const checked: CheckedItem[] = []
  const found = [...problems]
  const slice = new TimeSlice()
  for (const [index, item] of items.entries()) {
    const result = checkItem(item, index, checks)
    if (typeof result === 'string') found.push(problemOf(item, result))
    else checked.push({ item, change: result })
    if (slice.due) await slice.pause()
  }
  return { checked, problems: found }
}

export function problemOf({ section, index, id = '' }: SectionItem, error: string): SectionProblem {
  return { resource_type: section, resource_id: id, index, error }
}

function checkItem(
  { kind, id = '', body }: SectionItem,
  index: number,
  checks: ObjectChecks,
): CheckedChange | string {
  // As everywhere else: an id is stored as a text.
  const named = body.id === undefined ? body : { ...body, id: String(body.id) }
  if (id !== '' && lacksHidden(kind, named)) return { op: 'complete', index, kind, id, body: named }
  const value = validObject(kind, named, checks)
  return typeof value === 'string' ? value : { op: 'put', index, kind, id, value }
}
