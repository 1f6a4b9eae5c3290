import { isOfConsumer, type ResourceBody, type ResourceKind } from '../model/resource-kind.ts'
import { mapSecrets, type PluginSecretsLookup } from '../model/schemas/sensitive-fields.ts'
import { isEnvelope } from '../support/keyring.ts'
import { findPluginSecrets } from './served-resources.ts'

const REDACTED = '(redacted)'

/** Whatever declares them: history is kept long, and read by more people than the object itself. */
const SECRET_NAMES = /^(?:.*_)?(?:password|passwd|secret|token|private_key|access_key|secret_key)$/
/** What a credential of a consumer is called; elsewhere `key` names what a plugin counts by. */
const CONSUMER_SECRET_NAMES = /^key$/

/** The object as history shows it: without secrets, be they declared, encrypted or named like one. */
export function redact(
  kind: ResourceKind,
  body: ResourceBody,
  findPlugin: PluginSecretsLookup = findPluginSecrets,
): ResourceBody {
  const declared = mapSecrets(kind, body, findPlugin, () => REDACTED)
  const isSecret = (name: string) =>
    SECRET_NAMES.test(name) || (isOfConsumer(kind) && CONSUMER_SECRET_NAMES.test(name))
  return redactNamed(declared, isSecret, false) as ResourceBody
}

/** `secret`: everything in here is. */
function redactNamed(
  value: unknown,
  isSecret: (name: string) => boolean,
  secret: boolean,
): unknown {
  if (typeof value === 'string') return secret || isEnvelope(value) ? REDACTED : value
  if (Array.isArray(value)) return value.map((item) => redactNamed(item, isSecret, secret))
  if (value === null || typeof value !== 'object') return value
  const fields = Object.entries(value).map(([name, field]) => {
    return [name, redactNamed(field, isSecret, secret || isSecret(name))]
  })
  return Object.fromEntries(fields)
}
