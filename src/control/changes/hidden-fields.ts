import type { ResourceBody, ResourceKind } from '../../model/resource-kind.ts'
import { equalJson } from '../../support/equal-json.ts'
import { RESOURCE_DEFINITIONS } from '../resource-definitions.ts'

/** The certificates that the private keys, which no answer shows, belong to. */
const CERTIFICATE_OF: Readonly<Record<string, string>> = { key: 'cert', keys: 'certs' }

/** True for an object as answers show it: with certificates, without their private keys. */
export function lacksHidden(kind: ResourceKind, body: ResourceBody): boolean {
  return missing(kind, body).length > 0
}

/** The object with the stored private keys of the certificates that are still the same. */
export function withHidden(
  kind: ResourceKind,
  body: ResourceBody,
  stored: ResourceBody | undefined,
): ResourceBody {
  const completed = { ...body }
  for (const { field, certificate } of missing(kind, body)) {
    const known = stored?.[field]
    if (known !== undefined && equalJson(body[certificate], stored?.[certificate])) {
      completed[field] = known
    }
  }
  return completed
}

function missing(kind: ResourceKind, body: ResourceBody) {
  const { hidden = [] } = RESOURCE_DEFINITIONS[kind]
  return hidden.flatMap((field) => {
    const certificate = CERTIFICATE_OF[field]
    const isMissing =
      certificate !== undefined && body[field] === undefined && body[certificate] !== undefined
    return isMissing ? [{ field, certificate }] : []
  })
}
