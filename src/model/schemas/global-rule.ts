import type { Static } from 'typebox'
import { Type } from '../schema-builder.ts'
import { Id, Plugins, Timestamp } from './fragments.ts'

/** Plugins that run for every request, before those of its route. */
export const GlobalRule = Type.Object(
  {
    id: Id,
    create_time: Type.Optional(Timestamp),
    update_time: Type.Optional(Timestamp),
    plugins: Plugins,
  },
  { additionalProperties: false },
)
export type GlobalRule = Static<typeof GlobalRule>
