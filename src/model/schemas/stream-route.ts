import type { Static } from 'typebox'
import { Type } from '../schema-builder.ts'
import { Dictionary } from './dictionary.ts'
import { ClientAddress, Host, Id, METADATA, Plugins, Port } from './fragments.ts'
import { checkUpstream, Upstream } from './upstream.ts'

const closed = { additionalProperties: false }

const ProtocolLogger = Type.Object(
  {
    name: Type.Optional(Type.String()),
    filter: Type.Optional(Type.Array(Type.Unknown())),
    conf: Type.Optional(Dictionary(Type.Unknown())),
  },
  { ...closed, dependencies: { name: ['conf'] } },
)

const RedisFault = Type.Object(
  {
    commands: Type.Array(Type.String(), { minItems: 1 }),
    key: Type.Optional(Type.String({ minLength: 1 })),
    /** Seconds. */
    delay: Type.Number(),
  },
  closed,
)

/** What the protocols take in `conf`. */
const PROTOCOLS = {
  redis: Type.Object({ faults: Type.Optional(Type.Array(RedisFault, { minItems: 1 })) }, closed),
  dubbo: Type.Object({}, closed),
}

/** A protocol over TCP that is understood message by message (APISIX: xRPC). */
const Protocol = Type.Object(
  {
    name: Type.Enum(Object.keys(PROTOCOLS), { type: 'string' }),
    superior_id: Type.Optional(Id),
    conf: Type.Optional(Dictionary(Type.Unknown())),
    logger: Type.Optional(Type.Array(ProtocolLogger)),
  },
  {
    ...closed,
    allOf: Object.entries(PROTOCOLS).map(([name, conf]) => ({
      if: { properties: { name: { const: name } } },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: { properties: { conf } },
    })),
  },
)

/** Matches TCP and UDP connections and says where they go. */
export const StreamRoute = Type.Object(
  {
    ...METADATA,
    remote_addr: Type.Optional(ClientAddress),
    server_addr: Type.Optional(ClientAddress),
    server_port: Type.Optional(Port),
    sni: Type.Optional(Host),
    upstream: Type.Optional(Upstream),
    upstream_id: Type.Optional(Id),
    service_id: Type.Optional(Id),
    plugins: Type.Optional(Plugins),
    protocol: Type.Optional(Protocol),
  },
  closed,
)
export type StreamRoute = Static<typeof StreamRoute>

/** Rules between fields that the schema cannot word; returns what is wrong. */
export function checkStreamRoute(route: StreamRoute): string | undefined {
  const { id, upstream, protocol } = route
  const superior = protocol?.superior_id
  if (superior !== undefined && String(superior) === String(id)) {
    return 'stream route can not set itself as superior_id'
  }
  const problem = upstream && checkUpstream(upstream)
  return problem && `invalid configuration: property "upstream" validation failed: ${problem}`
}
