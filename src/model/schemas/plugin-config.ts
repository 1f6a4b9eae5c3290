import type { Static } from 'typebox'
import { Type } from '../schema-builder.ts'
import { Id, METADATA, Plugins } from './fragments.ts'

/** Plugins that several routes share. */
export const PluginConfig = Type.Object(
  { ...METADATA, id: Id, name: Type.Optional(Type.String()), plugins: Plugins },
  { additionalProperties: false },
)
export type PluginConfig = Static<typeof PluginConfig>
