import type { ResourceBody, ResourceKind } from '../../model/resource-kind.ts'

/** What somebody wants done with one object; its place in the list is its index. */
export type WantedChange =
  | { op: 'put'; kind: ResourceKind; id: string; body: ResourceBody }
  | { op: 'delete'; kind: ResourceKind; id: string }

/** What is wrong with one change. */
export interface ChangeProblem {
  index: number
  /** As given. */
  kind: unknown
  id: unknown
  error: string
}

/** What became of one change, or would. */
export interface ChangeResult {
  index: number
  kind: ResourceKind
  id: string
  op: 'put' | 'delete'
  status: 'created' | 'updated' | 'unchanged' | 'deleted' | 'absent'
}

/** A put whose object is valid by itself: secrets in plain text, defaults filled in. */
export interface CheckedPut {
  op: 'put'
  index: number
  kind: ResourceKind
  id: string
  value: ResourceBody
}

export interface CheckedDelete {
  op: 'delete'
  index: number
  kind: ResourceKind
  id: string
}

/** A put that lacks what no answer shows: it is checked once the stored object is at hand. */
export interface IncompletePut {
  op: 'complete'
  index: number
  kind: ResourceKind
  id: string
  body: ResourceBody
}

export type CheckedChange = CheckedPut | CheckedDelete | IncompletePut

/** The key of an object in maps. */
export function keyOfObject({ kind, id }: { kind: ResourceKind; id: string }): string {
  return `${kind}/${id}`
}
