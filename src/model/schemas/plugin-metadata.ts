import type { Static } from 'typebox'
import { Type } from '../schema-builder.ts'
import { Timestamp } from './fragments.ts'

/** What a plugin needs once and not per route; `id` is the plugin's name, the rest is its own. */
export const PluginMetadata = Type.Object(
  {
    id: Type.String({ minLength: 1, maxLength: 256 }),
    create_time: Type.Optional(Timestamp),
    update_time: Type.Optional(Timestamp),
  },
  { additionalProperties: Type.Unknown() },
)
export type PluginMetadata = Static<typeof PluginMetadata>
