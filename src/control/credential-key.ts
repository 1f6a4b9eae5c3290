import { consumerOf } from '../model/credential-id.ts'
import type { ResourceBody, ResourceKind } from '../model/resource-kind.ts'
import { isSecretReference } from '../model/secret-reference.ts'
import type { Plugin } from '../plugins/contract.ts'
import { isEnvelope } from '../support/keyring.ts'

/** What tells a consumer from others, for one plugin. */
export interface CredentialKey {
  plugin: string
  /** Field of the configuration that holds it. */
  attribute: string
  key: string
}

type Config = Record<string, unknown>
type FindPlugin = (name: string) => Plugin | undefined

/** The keys of a consumer or credential whose secrets are in plain text; what is kept elsewhere is unknown. */
export function credentialKeysIn(body: ResourceBody, findPlugin: FindPlugin): CredentialKey[] {
  const plugins = Object.entries((body['plugins'] ?? {}) as Record<string, Config>)
  return plugins.flatMap(([name, config]) => {
    const found = keyIn(name, config, findPlugin)
    const isKnown = found !== undefined && !isSecretReference(found.key) && !isEnvelope(found.key)
    return isKnown ? [found] : []
  })
}

/** That somebody else has the key, in APISIX's words. */
export function describeDuplicate(
  { plugin, attribute }: CredentialKey,
  { kind, id }: { kind: ResourceKind; id: string },
): string {
  const owner =
    kind === 'consumers'
      ? `consumer: ${id}`
      : `credential: ${id.split('/').at(-1)} of consumer: ${consumerOf(id)}`
  return `duplicate ${attribute} of plugin ${plugin} found with ${owner}`
}

/** Keys that a consumer shares with its own credentials lead to the same one. */
export function isOneConsumer(
  one: { kind: ResourceKind; id: string },
  other: { kind: ResourceKind; id: string },
): boolean {
  if (one.kind === other.kind) return one.id === other.id
  return consumerOf(one.id) === consumerOf(other.id)
}

function keyIn(plugin: string, config: Config, findPlugin: FindPlugin): CredentialKey | undefined {
  const { credentialKey } = findPlugin(plugin) ?? {}
  if (credentialKey === undefined) return undefined
  try {
    const key = credentialKey(config)
    const isIt = (field: string) => credentialKey({ [field]: config[field] }) === key
    const attribute = Object.keys(config).find(isIt) ?? 'key'
    return typeof key === 'string' ? { plugin, attribute, key } : undefined
  } catch {
    // A plugin of the operator, and an object that was stored before its schema changed.
    return undefined
  }
}
