import type { Static } from 'typebox'
import { Type } from '../schema-builder.ts'
import { Host, Id, METADATA, Plugins } from './fragments.ts'
import { checkUpstream, Upstream } from './upstream.ts'

/** Upstream and plugins that several routes share. */
export const Service = Type.Object(
  {
    ...METADATA,
    plugins: Type.Optional(Plugins),
    upstream: Type.Optional(Upstream),
    upstream_id: Type.Optional(Id),
    enable_websocket: Type.Optional(Type.Boolean()),
    hosts: Type.Optional(Type.Array(Host, { minItems: 1, uniqueItems: true })),
  },
  { additionalProperties: false },
)
export type Service = Static<typeof Service>

/** Rules between fields that the schema cannot word; returns what is wrong. */
export function checkService({ upstream }: Service): string | undefined {
  const problem = upstream && checkUpstream(upstream)
  return problem && `invalid configuration: property "upstream" validation failed: ${problem}`
}
