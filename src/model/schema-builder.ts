import type Typebox from 'typebox'
import type { TSchema } from 'typebox'

/** Schemas that a property of an object may be left out for. */
const optional = new WeakSet<object>()

type Options = object | undefined
type Properties = Readonly<Record<string, TSchema>>

function objectOf(properties: Properties, options?: Options) {
  const required = Object.keys(properties).filter((name) => !optional.has(properties[name] ?? {}))
  return { type: 'object', ...(required.length > 0 && { required }), properties, ...options }
}

function recordOf(key: { pattern?: string }, value: TSchema, options?: Options) {
  return { type: 'object', patternProperties: { [key.pattern ?? '^.*$']: value }, ...options }
}

/** A schema of an object with some of its properties. */
function narrowed({ properties }: { properties: Properties }, keeps: (name: string) => boolean) {
  return objectOf(Object.fromEntries(Object.entries(properties).filter(([name]) => keeps(name))))
}

function markOptional(schema: TSchema): TSchema {
  const copy = { ...schema }
  optional.add(copy)
  return copy
}

/**
 * TypeBox's builders of JSON Schemas, as far as they are used here, with its types. TypeBox itself is
 * 400 files, which cost each process that starts 60 to 90 ms of CPU time; what they build is plain.
 */
export const Type = {
  Array: (items: TSchema, options?: Options) => ({ type: 'array', items, ...options }),
  Boolean: (options?: Options) => ({ type: 'boolean', ...options }),
  Enum: (values: readonly unknown[], options?: Options) => ({ enum: values, ...options }),
  Integer: (options?: Options) => ({ type: 'integer', ...options }),
  Literal: (value: unknown, options?: Options) => ({
    type: typeof value,
    const: value,
    ...options,
  }),
  Number: (options?: Options) => ({ type: 'number', ...options }),
  Object: objectOf,
  Omit: (schema: { properties: Properties }, names: readonly string[]) =>
    narrowed(schema, (name) => !names.includes(name)),
  Optional: markOptional,
  Pick: (schema: { properties: Properties }, names: readonly string[]) =>
    narrowed(schema, (name) => names.includes(name)),
  Record: recordOf,
  String: (options?: Options) => ({ type: 'string', ...options }),
  Union: (anyOf: readonly TSchema[], options?: Options) => ({ anyOf, ...options }),
  Unknown: (options?: Options) => ({ ...options }),
  Unsafe: (schema: object) => schema,
} as unknown as Pick<
  typeof Typebox,
  | 'Array'
  | 'Boolean'
  | 'Enum'
  | 'Integer'
  | 'Literal'
  | 'Number'
  | 'Object'
  | 'Omit'
  | 'Optional'
  | 'Pick'
  | 'Record'
  | 'String'
  | 'Union'
  | 'Unknown'
  | 'Unsafe'
>
