import type { ResourceKind } from '../resource-kind.ts'

/** A balancer can't wait for the body to choose a node. */
const BODY_VARIABLE = /\$\{?\s*(?:request_body|post_arg|graphql_)/

/**
 * Fields of the APISIX model that nothing serves yet. They are refused rather than stored and
 * ignored: a route with conditions that nobody checks would let in what it was meant to keep out.
 */
const NOT_YET: Readonly<Record<string, Readonly<Record<string, (value: unknown) => boolean>>>> = {
  routes: {
    enable_websocket: (value) => value === true,
  },
  services: { enable_websocket: (value) => value === true },
  upstreams: {
    discovery_type: (value) => value !== undefined && value !== 'dns',
    discovery_args: present,
    key: (value) => typeof value === 'string' && BODY_VARIABLE.test(value),
    scheme: (value) => value !== undefined && value !== 'http' && value !== 'https',
  },
}

/** Secret managers that nothing asks yet. */
const MANAGERS_NOT_YET = new Set(['aws', 'gcp'])

/** The reason why an object asks for what is not there yet; undefined = it does not. */
export function checkNotYet(kind: ResourceKind, value: object): string | undefined {
  if (kind === 'secrets') return checkManager(String((value as { id?: unknown }).id))
  const field = findNotYet(kind, value)
  if (field !== undefined) return refusal(field, value)
  const inline = (value as { upstream?: object }).upstream
  // Nothing serves stream routes yet, whatever they ask for: see `notServed` in src/control/resources.
  const inner = kind !== 'stream_routes' && inline && findNotYet('upstreams', inline)
  return inner ? refusal(`upstream.${inner}`, inline) : undefined
}

function checkManager(id: string): string | undefined {
  const [manager = ''] = id.split('/', 1)
  if (!MANAGERS_NOT_YET.has(manager)) return undefined
  return `invalid configuration: secret manager ${manager} is not served yet: use vault, or $env://`
}

function findNotYet(kind: ResourceKind, value: object): string | undefined {
  for (const [field, isAsked] of Object.entries(NOT_YET[kind] ?? {})) {
    if (isAsked((value as Record<string, unknown>)[field])) return field
  }
  return undefined
}

function refusal(path: string, owner: object): string {
  const value = (owner as Record<string, unknown>)[path.replace('upstream.', '')]
  const named = typeof value === 'string' && value.length <= 32 ? `: ${value}` : ''
  return `invalid configuration: property "${path}" asks for what this version does not support yet${named}`
}

function present(value: unknown): boolean {
  return value !== undefined
}
