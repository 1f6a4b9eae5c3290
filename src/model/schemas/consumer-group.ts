import type { Static } from 'typebox'
import { Type } from '../schema-builder.ts'
import { Id, METADATA, Plugins } from './fragments.ts'

/** Plugins that several consumers share. */
export const ConsumerGroup = Type.Object(
  { ...METADATA, id: Id, plugins: Plugins },
  { additionalProperties: false },
)
export type ConsumerGroup = Static<typeof ConsumerGroup>
