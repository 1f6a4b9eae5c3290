import Type, { type Static } from 'typebox'
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

/** A protocol over TCP that is understood message by message (APISIX: xRPC). */
const Protocol = Type.Object(
  {
    name: Type.String(),
    superior_id: Type.Optional(Id),
    conf: Type.Optional(Dictionary(Type.Unknown())),
    logger: Type.Optional(Type.Array(ProtocolLogger)),
  },
  closed,
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
export function checkStreamRoute({ upstream }: StreamRoute): string | undefined {
  const problem = upstream && checkUpstream(upstream)
  return problem && `invalid configuration: property "upstream" validation failed: ${problem}`
}
