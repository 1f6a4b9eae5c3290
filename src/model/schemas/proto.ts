import type { Static } from 'typebox'
import { Type } from '../schema-builder.ts'
import { METADATA } from './fragments.ts'
import { checkProtoText } from './proto-text.ts'

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

/** What is wrong with the content, as far as it can be told without compiling it. */
export function checkProto({ content }: Proto): string | undefined {
  if (isDescriptorSet(content)) return undefined
  const problem = checkProtoText(content)
  return problem && `invalid content: ${problem}`
}

/** A FileDescriptorSet, in base64, begins with the tag of its first file. */
function isDescriptorSet(content: string): boolean {
  return BASE64.test(content) && Buffer.from(content, 'base64')[0] === FILE_TAG
}

const BASE64 = /^[A-Za-z0-9+/]+={0,2}\s*$/
const FILE_TAG = 0x0a
