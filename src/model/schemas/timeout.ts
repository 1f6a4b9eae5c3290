import type { Static } from 'typebox'
import { Type } from '../schema-builder.ts'

/** Seconds. All three or none. */
export const Timeout = Type.Object(
  {
    connect: Type.Number({ exclusiveMinimum: 0 }),
    send: Type.Number({ exclusiveMinimum: 0 }),
    read: Type.Number({ exclusiveMinimum: 0 }),
  },
  { additionalProperties: false },
)
export type Timeout = Static<typeof Timeout>
