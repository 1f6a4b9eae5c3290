import { credentialPrefix } from '../model/credential-id.ts'
import type { ResourceBody, ResourceKind } from '../model/resource-kind.ts'
import type { ConfigTransaction } from '../store/config-repository.ts'
import type { Reference, ResourceDefinition } from './resource-definition.ts'
import { RESOURCE_DEFINITIONS } from './resource-definitions.ts'

/**
 * What an object refers to that is not there, in APISIX's words. Must run inside the write
 * transaction: the group's lock keeps the answer true until the commit.
 */
export async function checkReferences(
  tx: ConfigTransaction,
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
  tx: ConfigTransaction,
  { kind, id, check }: Reference,
): Promise<string | undefined> {
  const target = await tx.get(kind, id)
  return target === undefined ? 'response code: 404' : check?.(target.body)
}

/** Who still refers to an object that is about to be deleted, in APISIX's words. Inside the transaction. */
export async function checkNotReferenced(
  tx: ConfigTransaction,
  kind: ResourceKind,
  id: string,
): Promise<string | undefined> {
  for (const referrer of Object.values(RESOURCE_DEFINITIONS)) {
    if (!referrer.refersTo.includes(kind)) continue
    for (const { body } of await tx.list(referrer.kind)) {
      const refers = referrer.references(body).some((to) => to.kind === kind && to.id === id)
      if (!refers) continue
      const { label } = RESOURCE_DEFINITIONS[kind]
      const directly = kind === 'services' ? ' directly' : ''
      const user = `${referrer.label} [${body[referrer.key]}]`
      return `can not delete this ${label}${directly}, ${user} is still using it now`
    }
  }
  return undefined
}

/** What an object is a part of and is not there, in APISIX's words. Inside the transaction. */
export async function checkOwner(
  tx: ConfigTransaction,
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
  const prefix = credentialPrefix(id)
  for (const { body } of await tx.list('credentials')) {
    if (String(body.id).startsWith(prefix)) await tx.delete('credentials', String(body.id))
  }
}
