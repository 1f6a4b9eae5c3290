import { consumerOf } from '../model/credential-id.ts'
import type { ResourceBody, ResourceKind } from '../model/resource-kind.ts'
import { referencesOf } from '../model/resource-references.ts'
import type { ConfigTransaction } from '../store/config-repository.ts'

/** What rules between objects look at: the configuration as a write leaves it. */
export type ConfigView = Pick<ConfigTransaction, 'get' | 'list'>

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
  /** What must be there before the object is written; without its owner. */
  references(body: ResourceBody): Reference[]
  /** The object that this one is a part of: must be there, and takes its parts with it when it goes. */
  owner?(id: string): { kind: ResourceKind; id: string }
  /** What objects that refer to this one depend on, see `check` of a Reference; default: its being there. */
  nature?(body: ResourceBody): unknown
  /** Rules that need the other objects of the group; returns what is wrong. */
  check?(view: ConfigView, id: string, body: ResourceBody): Promise<string | undefined>
  /** Fields that no answer contains. */
  hidden?: readonly string[]
  /** True while nothing serves objects of this kind; answers to writes warn of it. */
  notServed?: boolean
}

/** Completes a definition with the model's rules on references. */
export function defineResource(
  definition: Omit<ResourceDefinition, 'references' | 'owner'>,
): ResourceDefinition {
  const { kind } = definition
  return {
    ...definition,
    references: (body) => checkedReferences(kind, body),
    ...(kind === 'credentials' && {
      owner: (id: string) => ({ kind: 'consumers', id: consumerOf(id) }),
    }),
  }
}

function checkedReferences(kind: ResourceKind, body: ResourceBody): Reference[] {
  return referencesOf(kind, body)
    .filter(({ via }) => via !== 'owner')
    .map(({ kind: to, id }) => {
      if (to === 'ssls') return { kind: to, id, check: checkClientCertificate }
      if (to !== 'stream_routes') return { kind: to, id }
      return { kind: to, id, check: (superior) => checkProtocol(body, superior) }
    })
}

/** Upstreams present it to their nodes. */
function checkClientCertificate(ssl: ResourceBody): string | undefined {
  return ssl['type'] === 'client' ? undefined : 'wrong ssl type'
}

function checkProtocol(route: ResourceBody, superior: ResourceBody): string | undefined {
  const [own, other] = [protocolOf(route), protocolOf(superior)]
  return other === undefined || own === other
    ? undefined
    : `protocol mismatch: subordinate protocol [${own}] does not match superior protocol [${other}]`
}

/** The protocol that a stream route speaks, by name. */
export function protocolOf(route: ResourceBody): string | undefined {
  return (route['protocol'] as { name?: string } | undefined)?.name
}
