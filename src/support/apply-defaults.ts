import type { TSchema } from 'typebox'

type SchemaNode = TSchema & {
  default?: unknown
  properties?: Record<string, SchemaNode>
  items?: SchemaNode
}

/**
 * A copy of `value` with the defaults of the schema filled in: those of properties, also in nested
 * objects and lists that are there. What stands in `anyOf` and the like is left to its reader. For
 * places that can't afford a validator; the value has been validated before.
 */
export function applyDefaults<T>(schema: TSchema, value: T): T {
  const { properties, items } = schema as SchemaNode
  if (Array.isArray(value)) {
    return items === undefined ? value : (value.map((item) => applyDefaults(items, item)) as T)
  }
  if (properties === undefined || value === null || typeof value !== 'object') return value
  const result = { ...value } as Record<string, unknown>
  for (const [name, property] of Object.entries(properties)) {
    const present = result[name]
    if (present !== undefined) result[name] = applyDefaults(property, present)
    else if (property.default !== undefined) {
      result[name] = applyDefaults(property, structuredClone(property.default))
    }
  }
  return result as T
}
