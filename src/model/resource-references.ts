import { consumerOf } from './credential-id.ts'
import type { ResourceBody, ResourceKind } from './resource-kind.ts'

/** One object naming another that it cannot do without. */
export interface Reference {
  kind: ResourceKind
  id: string
  /** `owner`: it is a part of that object. `plugin`: the configuration of this plugin names it. */
  via: 'field' | 'owner' | { plugin: string }
}

/**
 * What an object refers to. The database knows the same rules, to look referrers up by them: whoever
 * adds one here adds a migration (`refers_to` in src/store/migrations.ts; a test compares).
 */
export function referencesOf(kind: ResourceKind, body: ResourceBody): Reference[] {
  // Its fields are the plugin's own.
  if (kind === 'plugin_metadata') return []
  const found: Reference[] = []
  if (kind === 'credentials') {
    found.push({ kind: 'consumers', id: consumerOf(String(body.id)), via: 'owner' })
  }
  for (const [path, to] of FIELDS) {
    for (const id of idsAt(body, path)) found.push({ kind: to, id, via: 'field' })
  }
  const plugins = body['plugins'] as Record<string, unknown> | undefined
  if (plugins === undefined) return found
  for (const [plugin, path, to] of PLUGIN_FIELDS) {
    if (!Object.hasOwn(plugins, plugin)) continue
    for (const id of idsAt(plugins[plugin], path)) found.push({ kind: to, id, via: { plugin } })
  }
  return found
}

const FIELDS: readonly (readonly [path: readonly string[], to: ResourceKind])[] = [
  [['upstream_id'], 'upstreams'],
  [['service_id'], 'services'],
  [['plugin_config_id'], 'plugin_configs'],
  [['group_id'], 'consumer_groups'],
  [['tls', 'client_cert_id'], 'ssls'],
  [['upstream', 'tls', 'client_cert_id'], 'ssls'],
  [['protocol', 'superior_id'], 'stream_routes'],
]

const SPLIT = ['rules', 'weighted_upstreams']

/** Paths lead through lists by themselves. */
const PLUGIN_FIELDS: readonly (readonly [
  plugin: string,
  path: readonly string[],
  to: ResourceKind,
])[] = [
  ['traffic-split', [...SPLIT, 'upstream_id'], 'upstreams'],
  ['traffic-split', [...SPLIT, 'upstream', 'tls', 'client_cert_id'], 'ssls'],
  ['grpc-transcode', ['proto_id'], 'protos'],
]

/** Kinds whose objects others refer to. */
export const REFERRED_KINDS: ReadonlySet<ResourceKind> = new Set<ResourceKind>([
  'consumers',
  ...FIELDS.map(([, to]) => to),
  ...PLUGIN_FIELDS.map(([, , to]) => to),
])

function* idsAt(value: unknown, path: readonly string[]): Generator<string> {
  if (Array.isArray(value)) {
    for (const item of value) yield* idsAt(item, path)
    return
  }
  const [step, ...rest] = path
  if (step === undefined) {
    if (typeof value === 'string' || typeof value === 'number') yield String(value)
  } else if (value !== null && typeof value === 'object' && Object.hasOwn(value, step)) {
    yield* idsAt((value as Record<string, unknown>)[step], rest)
  }
}
