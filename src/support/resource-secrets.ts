import type { ResourceBody, ResourceKind } from '../model/resource-kind.ts'
import {
  mapSecrets,
  type PluginSecretsLookup,
  type SensitivePlace,
} from '../model/schemas/sensitive-fields.ts'
import { isSecretReference } from '../model/secret-reference.ts'
import type { SecretValue } from '../model/secret-value.ts'
import { resourceId } from '../model/snapshot.ts'
import { isEnvelope, type Keyring, keyIdOf, NO_KEYRING } from './keyring.ts'

/** The object with its secrets in plain text and what those are, or why one can't be read. */
export type OpenedResource = (
  | { ok: true; body: ResourceBody; secrets: readonly SecretValue[] }
  | { ok: false; reason: string }
) & {
  /** The references to secrets of managers in it, also those that lead nowhere. */
  references?: readonly string[]
}

/**
 * Encrypts and decrypts the secrets of objects. All return the object itself where nothing changes.
 * A secret is bound to its object and place: an envelope copied to another one can't be opened.
 */
export interface ResourceSecrets {
  /** What is stored. Envelopes of `before` whose secrets did not change are kept as they are. */
  seal(kind: ResourceKind, body: ResourceBody, before?: ResourceBody): ResourceBody
  /** What is served. Secrets that are not encrypted stay as they are. */
  open(kind: ResourceKind, body: ResourceBody): OpenedResource
  /** What a reader of the Admin API sees: plugins' secrets in plain text, private keys as stored. */
  show(kind: ResourceKind, body: ResourceBody): ResourceBody
}

const NO_SECRETS: readonly SecretValue[] = []

export function createResourceSecrets(
  keyring: Keyring,
  findPlugin: PluginSecretsLookup = () => undefined,
): ResourceSecrets {
  const [firstKey] = keyring.ids

  function seal(kind: ResourceKind, body: ResourceBody, before?: ResourceBody): ResourceBody {
    if (firstKey === undefined) return body
    let known: Map<string, string> | undefined
    return mapSecrets(kind, body, findPlugin, (value, place) => {
      // It says where the secret is, and no more; its author wants to read it.
      if (isSecretReference(value)) return value
      const context = contextOf(kind, body, place)
      known ??= before === undefined ? new Map() : envelopesOf(kind, before)
      const old = known.get(context)
      if (old !== undefined && keyIdOf(old) === firstKey) {
        const opened = keyring.open(old, context)
        if (opened.ok && opened.value === value) return old
      }
      return keyring.seal(value, context)
    })
  }

  function envelopesOf(kind: ResourceKind, body: ResourceBody): Map<string, string> {
    const envelopes = new Map<string, string>()
    mapSecrets(kind, body, findPlugin, (value, place) => {
      if (isEnvelope(value)) envelopes.set(contextOf(kind, body, place), value)
      return value
    })
    return envelopes
  }

  function open(kind: ResourceKind, body: ResourceBody): OpenedResource {
    let reason: string | undefined
    let secrets: SecretValue[] | undefined
    const opened = mapSecrets(kind, body, findPlugin, (value, place) => {
      if (!isEnvelope(value)) return value
      const result = keyring.open(value, contextOf(kind, body, place))
      if (!result.ok) {
        reason ??= `property "${place.path.join('.')}" ${result.reason}`
        return value
      }
      secrets ??= []
      secrets.push({ path: place.path, value: result.value })
      return result.value
    })
    return reason === undefined
      ? { ok: true, body: opened, secrets: secrets ?? NO_SECRETS }
      : { ok: false, reason: `invalid configuration: ${reason}` }
  }

  function show(kind: ResourceKind, body: ResourceBody): ResourceBody {
    return mapSecrets(kind, body, findPlugin, (value, place) => {
      if (place.writeOnly || !isEnvelope(value)) return value
      const result = keyring.open(value, contextOf(kind, body, place))
      return result.ok ? result.value : value
    })
  }

  return { seal, open, show }
}

/** For a process without a keyring: everything stays as it is, envelopes can't be opened. */
export const PLAIN_SECRETS: ResourceSecrets = createResourceSecrets(NO_KEYRING)

/** Not the group: a group's objects can be copied to another one, encrypted as they are. */
function contextOf(kind: ResourceKind, body: ResourceBody, { path }: SensitivePlace): string {
  return `${kind}/${resourceId(kind, body)}/${path.join('/')}`
}
