import { isOfConsumer, type ResourceBody, type ResourceKind } from '../resource-kind.ts'

/**
 * Names of the fields that hold a secret, from the top of the object, with dots: `tls.client_key`.
 * A path leads through lists by itself (every item); `*` stands for every field of an object.
 */
type FieldPath = string

/** Which fields of a plugin's configuration hold a secret, by where the configuration stands. */
export interface PluginSecrets {
  fields: readonly FieldPath[]
  /** Under a consumer; without them, `fields`. */
  consumerFields?: readonly FieldPath[]
  metadataFields?: readonly FieldPath[]
}

/** Finds a plugin's secrets by its name; undefined = it has none. */
export type PluginSecretsLookup = (name: string) => PluginSecrets | undefined

/** A place in an object where a secret stands. */
export interface SensitivePlace {
  path: readonly string[]
  /** A private key, which no answer shows; plugins' secrets are shown to whoever may read the object. */
  writeOnly: boolean
}

/** Gives the value to put in the place of a secret; the same value = no change. */
export type SecretMapping = (value: string, place: SensitivePlace) => string

const PRIVATE_KEYS: Partial<Record<ResourceKind, readonly (readonly string[])[]>> = {
  ssls: [['key'], ['keys']],
  upstreams: [['tls', 'client_key']],
  routes: [['upstream', 'tls', 'client_key']],
  services: [['upstream', 'tls', 'client_key']],
  stream_routes: [['upstream', 'tls', 'client_key']],
  secrets: [['token'], ['secret_access_key'], ['session_token'], ['auth_config', 'private_key']],
}

/**
 * The object with each of its secrets mapped. What changes is copied, never altered in place; an
 * object in which nothing changes is returned as it is, so one without secrets costs a few look-ups.
 */
export function mapSecrets(
  kind: ResourceKind,
  body: ResourceBody,
  findPlugin: PluginSecretsLookup,
  map: SecretMapping,
): ResourceBody {
  let mapped: unknown = body
  for (const steps of PRIVATE_KEYS[kind] ?? []) {
    mapped = mapAt(mapped, steps, [], (value, path) => map(value, { path, writeOnly: true }))
  }
  for (const steps of pluginPaths(kind, body, findPlugin)) {
    mapped = mapAt(mapped, steps, [], (value, path) => map(value, { path, writeOnly: false }))
  }
  return mapped as ResourceBody
}

function* pluginPaths(
  kind: ResourceKind,
  body: ResourceBody,
  findPlugin: PluginSecretsLookup,
): Generator<readonly string[]> {
  if (kind === 'plugin_metadata') {
    for (const field of findPlugin(String(body.id))?.metadataFields ?? []) yield field.split('.')
    return
  }
  const plugins = body['plugins']
  if (plugins === null || typeof plugins !== 'object') return
  for (const name of Object.keys(plugins)) {
    const secrets = findPlugin(name)
    if (secrets === undefined) continue
    const ofConsumer = isOfConsumer(kind) ? secrets.consumerFields : undefined
    for (const field of ofConsumer ?? secrets.fields) yield ['plugins', name, ...field.split('.')]
  }
}

type MapLeaf = (value: string, path: readonly string[]) => string

/** `steps`: what is still to be walked; `path`: how we got here, list positions included. */
function mapAt(
  value: unknown,
  steps: readonly string[],
  path: readonly string[],
  map: MapLeaf,
): unknown {
  if (Array.isArray(value)) {
    const items = value.map((item, n) => mapAt(item, steps, [...path, String(n)], map))
    return items.some((item, n) => item !== value[n]) ? items : value
  }
  const [step, ...rest] = steps
  if (step === undefined) return typeof value === 'string' ? map(value, path) : value
  if (value === null || typeof value !== 'object') return value
  let object = value as Record<string, unknown>
  for (const name of step === '*' ? Object.keys(object) : [step]) {
    if (!Object.hasOwn(object, name)) continue
    const field = mapAt(object[name], rest, [...path, name], map)
    if (field !== object[name]) object = { ...object, [name]: field }
  }
  return object
}
