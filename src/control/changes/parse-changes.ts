import { isResourceKind, type ResourceBody } from '../../model/resource-kind.ts'
import { TimeSlice } from '../../support/time-slice.ts'
import type { ChangeProblem, WantedChange } from './change-set.ts'

/** The changes that a request asks for, or why it is none, or what is wrong with which of them. */
export type ParsedChanges =
  | { ok: true; changes: WantedChange[] }
  | { ok: false; reason: string }
  | { ok: false; problems: ChangeProblem[]; total: number }

type Fields = Record<string, unknown>

const FIELDS = new Set(['op', 'kind', 'id', 'body'])

/** Reads `{"changes": [...]}`, in slices. */
export async function parseChanges(json: unknown): Promise<ParsedChanges> {
  if (json === undefined) return { ok: false, reason: 'missing changes' }
  if (!isObject(json) || !Array.isArray(json['changes'])) {
    return { ok: false, reason: 'invalid request body: expected an object with a list "changes"' }
  }
  const other = Object.keys(json).find((name) => name !== 'changes')
  if (other !== undefined) {
    return {
      ok: false,
      reason: `invalid request body: additional properties forbidden, found ${other.slice(0, 100)}`,
    }
  }
  const items: unknown[] = json['changes']
  const changes: WantedChange[] = []
  const problems: ChangeProblem[] = []
  const slice = new TimeSlice()
  for (const [index, item] of items.entries()) {
    const parsed = parseChange(item)
    if (typeof parsed === 'string') {
      const { kind = null, id = null } = isObject(item) ? item : {}
      problems.push({ index, kind, id, error: parsed })
    } else changes.push(parsed)
    if (slice.due) await slice.pause()
  }
  return problems.length === 0
    ? { ok: true, changes }
    : { ok: false, problems, total: items.length }
}

function parseChange(item: unknown): WantedChange | string {
  if (!isObject(item)) return 'expected an object'
  const other = Object.keys(item).find((name) => !FIELDS.has(name))
  if (other !== undefined) return `additional properties forbidden, found ${other.slice(0, 100)}`
  const { op, kind, id, body } = item
  if (typeof kind !== 'string' || !isResourceKind(kind)) return 'unsupported resource type'
  const text = typeof id === 'number' ? String(id) : id
  if (typeof text !== 'string' || text === '') return 'missing id: expected a string or an integer'
  if (op === 'delete') {
    return body === undefined ? { op, kind, id: text } : 'a delete has no body'
  }
  if (op !== 'put') return 'op should be "put" or "delete"'
  return isObject(body)
    ? { op, kind, id: text, body: body as ResourceBody }
    : 'missing body: expected an object'
}

function isObject(value: unknown): value is Fields {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}
