import type { Static, TSchema } from 'typebox'
import { Type } from '../schema-builder.ts'

/**
 * An object with keys of any kind. Not `Type.Record`: its `patternProperties` with `.*` lets keys
 * that contain a line break pass unchecked.
 */
export function Dictionary<T extends TSchema>(value: T, options: Record<string, unknown> = {}) {
  return Type.Unsafe<Record<string, Static<T>>>({
    type: 'object',
    additionalProperties: value,
    ...options,
  })
}
