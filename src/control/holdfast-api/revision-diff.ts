import { canonicalJson } from '../../model/digest.ts'
import type { ResourceBody, ResourceKind } from '../../model/resource-kind.ts'
import { redact } from '../../plugins/redact-resource.ts'
import type { LoggedChange } from '../../store/revision-log.ts'

/** One field that a revision changed. A side that is missing was not there. */
interface FieldChange {
  /** JSON Pointer (RFC 6901). */
  path: string
  before?: unknown
  after?: unknown
}

/** What a revision did to an object, for readers; secrets are redacted. */
export interface ShownChange {
  action: 'create' | 'update' | 'delete'
  kind: ResourceKind
  id: string
  before: ResourceBody | null
  after: ResourceBody | null
  /** Of an update. */
  fields: FieldChange[]
}

/** A value as it is, to be compared, and as it is shown. */
interface Side {
  value: unknown
  shown: unknown
}

export function showChange({ kind, id, before, after }: LoggedChange): ShownChange {
  const shownBefore = before === undefined ? null : redact(kind, before)
  const shownAfter = after === undefined ? null : redact(kind, after)
  const update = before !== undefined && after !== undefined
  return {
    action: update ? 'update' : after === undefined ? 'delete' : 'create',
    ...{ kind, id, before: shownBefore, after: shownAfter },
    fields: update
      ? [...diff({ value: before, shown: shownBefore }, { value: after, shown: shownAfter }, '')]
      : [],
  }
}

/** What differs, each field by itself. A secret that changed shows as changed, though both sides look the same. */
function* diff(before: Side, after: Side, path: string): Generator<FieldChange> {
  if (canonicalJson(before.value) === canonicalJson(after.value)) return
  if (!areComparable(before.value, after.value)) {
    yield { path, before: before.shown, after: after.shown }
    return
  }
  const names = new Set([
    ...Object.keys(before.value as object),
    ...Object.keys(after.value as object),
  ])
  for (const name of names) {
    const [a, b] = [fieldOf(before, name), fieldOf(after, name)]
    const fieldPath = `${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
    if (a === undefined) yield { path: fieldPath, after: b?.shown }
    else if (b === undefined) yield { path: fieldPath, before: a.shown }
    else yield* diff(a, b, fieldPath)
  }
}

/** Lists of different lengths are shown whole: by position, one insertion changes everything. */
function areComparable(a: unknown, b: unknown): boolean {
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return false
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length
  }
  return true
}

function fieldOf({ value, shown }: Side, name: string): Side | undefined {
  if (!Object.hasOwn(value as object, name)) return undefined
  const field = (value as Record<string, unknown>)[name]
  return { value: field, shown: (shown as Record<string, unknown>)[name] }
}
