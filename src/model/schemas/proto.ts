import Type, { type Static } from 'typebox'
import { METADATA } from './fragments.ts'

/** A protocol buffers definition for gRPC transcoding. */
export const Proto = Type.Object(
  {
    ...METADATA,
    /** The text of a .proto file, or a descriptor set in base64. */
    content: Type.String({ minLength: 1, maxLength: 1_048_576 }),
  },
  { additionalProperties: false },
)
export type Proto = Static<typeof Proto>
