import type { ResourceBody, ResourceKind } from '../model/resource-kind.ts'
import { referencesOf } from '../model/resource-references.ts'
import type { ConfigTransaction } from '../store/config-repository.ts'
import type { Referrer, ResourceKey } from '../store/config-transaction.ts'
import type { ConfigView, Reference, ResourceDefinition } from './resource-definition.ts'
import { RESOURCE_DEFINITIONS } from './resource-definitions.ts'

/**
 * What an object refers to that is not there, in APISIX's words. Must run inside the write
 * transaction: the group's lock keeps the answer true until the commit.
 */
export async function checkReferences(
  tx: ConfigView,
  definition: ResourceDefinition,
  body: ResourceBody,
): Promise<string | undefined> {
  for (const reference of definition.references(body)) {
    const { label } = RESOURCE_DEFINITIONS[reference.kind]
    const problem = await checkTarget(tx, reference)
    if (problem) return `failed to fetch ${label} info by ${label} id [${reference.id}], ${problem}`
  }
  return undefined
}

async function checkTarget(
  tx: ConfigView,
  { kind, id, check }: Reference,
): Promise<string | undefined> {
  const target = await tx.get(kind, id)
  return target === undefined ? 'response code: 404' : check?.(target.body)
}

/** Who refers to an object and can't do with what it becomes. Inside the transaction. */
export async function checkReferrers(
  tx: Pick<ConfigTransaction, 'referrers'>,
  { kind, label, nature }: ResourceDefinition,
  body: ResourceBody,
  stored: ResourceBody | undefined,
): Promise<string | undefined> {
  if (nature === undefined || stored === undefined || nature(body) === nature(stored)) {
    return undefined
  }
  const id = String(body.id)
  for (const referrer of await tx.referrers([{ kind, id }])) {
    const { references } = RESOURCE_DEFINITIONS[referrer.kind]
    for (const to of references(referrer.body)) {
      const problem = to.kind === kind && to.id === id ? to.check?.(body) : undefined
      if (problem === undefined) continue
      return `can not change this ${label}, ${userOf(referrer, kind, id)} is still using it: ${problem}`
    }
  }
  return undefined
}

/** Who still refers to an object that is about to be deleted, in APISIX's words. Inside the transaction. */
export async function checkNotReferenced(
  tx: ConfigTransaction,
  kind: ResourceKind,
  id: string,
): Promise<string | undefined> {
  // Only their own credentials refer to consumers, and go with them.
  if (kind === 'consumers') return undefined
  const [referrer] = await tx.referrers([{ kind, id }], 1)
  return referrer && describeUse({ kind, id }, referrer)
}

/** Why an object can't be deleted. */
export function describeUse({ kind, id }: ResourceKey, referrer: Referrer): string {
  const { label } = RESOURCE_DEFINITIONS[kind]
  const directly = kind === 'services' || kind === 'stream_routes' ? ' directly' : ''
  const how = kind === 'stream_routes' ? 'as superior_id' : 'now'
  return `can not delete this ${label}${directly}, ${userOf(referrer, kind, id)} is still using it ${how}`
}

function userOf({ kind, id, body }: Referrer, to: ResourceKind, toId: string): string {
  const found = referencesOf(kind, body).find((target) => target.kind === to && target.id === toId)
  const inPlugin = typeof found?.via === 'object' && to === 'upstreams' ? 'plugin in ' : ''
  return `${inPlugin}${RESOURCE_DEFINITIONS[kind].label} [${id}]`
}

/** What an object is a part of and is not there, in APISIX's words. Inside the transaction. */
export async function checkOwner(
  tx: ConfigView,
  { owner }: ResourceDefinition,
  id: string,
): Promise<string | undefined> {
  const of = owner?.(id)
  if (of === undefined || (await tx.get(of.kind, of.id)) !== undefined) return undefined
  return `${RESOURCE_DEFINITIONS[of.kind].label} not found`
}

/** Deletes an object and what is part of it. */
export async function deleteWithParts(
  tx: ConfigTransaction,
  kind: ResourceKind,
  id: string,
): Promise<void> {
  await tx.delete(kind, id)
  if (kind !== 'consumers') return
  for (const part of await tx.referrers([{ kind, id }])) {
    if (part.kind === 'credentials') await tx.delete(part.kind, part.id)
  }
}
