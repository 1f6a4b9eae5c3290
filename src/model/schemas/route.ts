import type { Static } from 'typebox'
import { Type } from '../schema-builder.ts'
import { ClientAddress, Host, HttpMethod, Id, METADATA, Plugins, Status } from './fragments.ts'
import { Timeout } from './timeout.ts'
import { checkUpstream, Upstream } from './upstream.ts'

const Uri = Type.String({ minLength: 1, maxLength: 4096 })

const unique = { minItems: 1, uniqueItems: true }

/** Matches requests and says where they go. */
export const Route = Type.Object(
  {
    ...METADATA,
    uri: Type.Optional(Uri),
    uris: Type.Optional(Type.Array(Uri, unique)),
    /** Among routes that match the same request, the highest wins. */
    priority: Type.Integer({ default: 0 }),
    methods: Type.Optional(Type.Array(HttpMethod, { uniqueItems: true })),
    host: Type.Optional(Host),
    hosts: Type.Optional(Type.Array(Host, unique)),
    remote_addr: Type.Optional(ClientAddress),
    remote_addrs: Type.Optional(Type.Array(ClientAddress, unique)),
    timeout: Type.Optional(Timeout),
    vars: Type.Optional(Type.Array(Type.Unknown())),
    plugins: Type.Optional(Plugins),
    plugin_config_id: Type.Optional(Id),
    upstream: Type.Optional(Upstream),
    service_id: Type.Optional(Id),
    upstream_id: Type.Optional(Id),
    enable_websocket: Type.Optional(Type.Boolean()),
    status: Status,
  },
  { additionalProperties: false },
)
export type Route = Static<typeof Route>

/** Rules between fields that the schema cannot word; returns what is wrong. */
export function checkRoute(route: Route): string | undefined {
  return checkAlternatives(route) ?? checkDestination(route)
}

function checkAlternatives(route: Route): string | undefined {
  for (const [one, many] of ALTERNATIVES) {
    if (route[one] !== undefined && route[many] !== undefined) {
      return `only one of ${one} or ${many} is allowed`
    }
  }
  if (route.uri === undefined && route.uris === undefined) {
    return 'invalid configuration: property "uri" is required (or "uris")'
  }
  const bad = [route.uri, ...(route.uris ?? [])].find((uri) => uri !== undefined && !isUri(uri))
  return bad === undefined
    ? undefined
    : `invalid configuration: property "uri" validation failed: ${JSON.stringify(bad)} must start with / (or be * alone)`
}

function isUri(uri: string): boolean {
  return uri.startsWith('/') || uri === '*'
}

const ALTERNATIVES = [
  ['uri', 'uris'],
  ['host', 'hosts'],
  ['remote_addr', 'remote_addrs'],
] as const

function checkDestination(route: Route): string | undefined {
  const { plugins, upstream, upstream_id, service_id } = route
  if ((plugins ?? upstream ?? upstream_id ?? service_id) === undefined) {
    return 'invalid configuration: one of the properties "upstream", "upstream_id", "service_id" and "plugins" is required'
  }
  const problem = upstream && checkUpstream(upstream)
  return problem && `invalid configuration: property "upstream" validation failed: ${problem}`
}
