import type { Static } from 'typebox'
import { Type } from '../schema-builder.ts'
import { Dictionary } from './dictionary.ts'
import { METADATA } from './fragments.ts'

const { id: _freeId, ...WITHOUT_ID } = METADATA

/** One of a consumer's secrets: what proves that a request is the consumer's. */
export const Credential = Type.Object(
  {
    ...WITHOUT_ID,
    id: Type.String({
      pattern: '^[a-zA-Z0-9_-]{1,256}/credentials/[a-zA-Z0-9_.-]{1,64}$',
      expected:
        '"<username>/credentials/<id>", the id of 1 to 64 characters of a-z A-Z 0-9 "-" "_" "."',
    }),
    /** At most one; its consumer schema applies. */
    plugins: Type.Optional(Dictionary(Dictionary(Type.Unknown()), { maxProperties: 1 })),
  },
  { additionalProperties: false },
)
export type Credential = Static<typeof Credential>
