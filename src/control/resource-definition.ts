import type { ResourceBody, ResourceKind } from '../model/resource-kind.ts'
import type { ConfigTransaction } from '../store/config-repository.ts'

/** An object that another one cannot do without. */
export interface Reference {
  kind: ResourceKind
  id: string
  /** What else must hold of the target; returns what does not. */
  check?: (target: ResourceBody) => string | undefined
}

/** What the generic handler has to know of one kind; src/control/resources/ has one each. */
export interface ResourceDefinition {
  kind: ResourceKind
  /** In messages: `missing <label> id`. */
  label: string
  /** The field that holds an object's key. */
  key: 'id' | 'username'
  /** Methods that APISIX does not offer for this kind. */
  unsupported: readonly ('POST' | 'PATCH')[]
  /** Kinds that `references` can name. */
  refersTo: readonly ResourceKind[]
  references(body: ResourceBody): Reference[]
  /** Rules that need the other objects of the group; returns what is wrong. */
  check?(tx: ConfigTransaction, id: string, body: ResourceBody): Promise<string | undefined>
  /** Fields that no answer contains. */
  hidden?: readonly string[]
  /** The object that this one is a part of: must be there, and takes its parts with it when it goes. */
  owner?(id: string): { kind: ResourceKind; id: string }
  /** True while nothing serves objects of this kind; answers to writes warn of it. */
  notServed?: boolean
}

/** The reference in a field of an object, if it is set. */
export function referenceIn(body: ResourceBody, field: string, kind: ResourceKind): Reference[] {
  const id = body[field]
  return id === undefined ? [] : [{ kind, id: String(id) }]
}
