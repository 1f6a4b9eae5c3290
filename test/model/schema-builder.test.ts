import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import Typebox from 'typebox'
import { Type } from '../../src/model/schema-builder.ts'

/** A schema of everything that is used here, made by either. */
function build(T: typeof Type) {
  const name = T.String({ minLength: 1, description: 'a name' })
  const parts = T.Object({
    name,
    count: T.Optional(T.Integer({ minimum: 0, default: 0 })),
    again: T.Optional(T.Optional(T.Number())),
    on: T.Boolean({ default: true }),
    mode: T.Enum(['a', 'b'], { type: 'string' }),
    either: T.Union([T.Literal('x'), T.Literal(1), T.Literal(true)], { default: 'x' }),
    list: T.Array(T.Unknown(), { minItems: 1 }),
    any: T.Record(T.String(), T.String()),
    some: T.Record(T.String({ pattern: '^x-' }), T.Unknown(), { minProperties: 1 }),
    own: T.Unsafe<string>({ type: 'string', holdfast: true }),
  })
  return [
    parts,
    T.Pick(parts, ['name', 'count']),
    T.Omit(parts, ['name', 'own']),
    T.Object({ ...parts.properties, count: parts.properties.name }),
    T.Object({ only: T.Optional(name) }, { additionalProperties: false }),
    T.Object({}),
  ]
}

suite('the schema builder', () => {
  test('builds what TypeBox builds, in the same order', () => {
    assert.equal(JSON.stringify(build(Type), null, 1), JSON.stringify(build(Typebox), null, 1))
  })
})
