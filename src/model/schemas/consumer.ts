import type { Static } from 'typebox'
import { Type } from '../schema-builder.ts'
import { Id, METADATA, Plugins } from './fragments.ts'

const { name: _noName, ...WITHOUT_NAME } = METADATA

/** A caller's identity; its key is `username`. */
export const Consumer = Type.Object(
  {
    ...WITHOUT_NAME,
    username: Type.String({
      minLength: 1,
      maxLength: 256,
      pattern: '^[a-zA-Z0-9_-]+$',
      expected: 'a name of a-z A-Z 0-9 "-" "_"',
    }),
    group_id: Type.Optional(Id),
    plugins: Type.Optional(Plugins),
  },
  { additionalProperties: false },
)
export type Consumer = Static<typeof Consumer>
