import type { ResourceBody, ResourceKind } from '../../model/resource-kind.ts'
import type { ResourceSecrets } from '../../support/resource-secrets.ts'
import { TimeSlice } from '../../support/time-slice.ts'
import type { ResourceValidator } from '../../support/validate-resource.ts'
import { RESOURCE_DEFINITIONS } from '../resource-definitions.ts'
import type { ChangeProblem, CheckedChange, WantedChange } from './change-set.ts'
import { keyOfObject } from './change-set.ts'
import { lacksHidden } from './hidden-fields.ts'

/** What turns a body into a valid object. */
export interface ObjectChecks {
  validator: ResourceValidator
  secrets: Pick<ResourceSecrets, 'open'>
}

interface CheckedChanges {
  checked: CheckedChange[]
  problems: ChangeProblem[]
}

/** Checks each change by itself, in slices; what depends on other objects comes later. */
export async function checkChanges(
  wanted: readonly WantedChange[],
  checks: ObjectChecks,
): Promise<CheckedChanges> {
  const checked: CheckedChange[] = []
  const problems: ChangeProblem[] = []
  const seen = new Map<string, number>()
  const slice = new TimeSlice()
  for (const [index, change] of wanted.entries()) {
    const { kind, id } = change
    const first = seen.get(keyOfObject(change))
    seen.set(keyOfObject(change), first ?? index)
    const result = first === undefined ? checkOne(change, index, checks) : `is change ${first} too`
    if (typeof result === 'string') problems.push({ index, kind, id, error: result })
    else checked.push(result)
    if (slice.due) await slice.pause()
  }
  return { checked, problems }
}

function checkOne(
  change: WantedChange,
  index: number,
  checks: ObjectChecks,
): CheckedChange | string {
  const { kind, id } = change
  if (change.op === 'delete') return { op: 'delete', index, kind, id }
  const named = nameObject(kind, id, change.body)
  if (typeof named === 'string') return named
  if (lacksHidden(kind, named)) return { op: 'complete', index, kind, id, body: named }
  const valid = validObject(kind, named, checks)
  return typeof valid === 'string' ? valid : { op: 'put', index, kind, id, value: valid }
}

/** The body with its key in it, which must not be another one. */
function nameObject(kind: ResourceKind, id: string, body: ResourceBody): ResourceBody | string {
  const { key, label } = RESOURCE_DEFINITIONS[kind]
  const own = body[key]
  if (own !== undefined && String(own) !== id) {
    return key === 'username' ? 'wrong username' : `wrong ${label} id`
  }
  return { ...body, [key]: id }
}

/** The valid object with its secrets in plain text, or what is wrong with it. */
export function validObject(
  kind: ResourceKind,
  body: ResourceBody,
  { validator, secrets }: ObjectChecks,
): ResourceBody | string {
  const opened = secrets.open(kind, body)
  if (!opened.ok) return opened.reason
  const decoded = validator.decode(kind, opened.body)
  return decoded.ok ? (decoded.value as ResourceBody) : decoded.reason
}
