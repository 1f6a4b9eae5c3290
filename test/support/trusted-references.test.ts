import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { TSchema } from 'typebox'
import { Type } from '../../src/model/schema-builder.ts'
import { createResourceValidator } from '../../src/support/validate-resource.ts'

const closed = { additionalProperties: false }
const long = Type.String({ minLength: 40 })
const either = Type.Union([Type.String({ pattern: '^a+$' }), Type.Object({ b: long }, closed)])

/** Why the configuration of a plugin with this schema is refused. */
function reasonOf(schema: TSchema, config: object): string {
  const { decode } = createResourceValidator(() => ({ schema }))
  const decoded = decode('plugin_configs', { id: 'x', plugins: { x: config } })
  return decoded.ok ? 'accepted' : decoded.reason
}

suite('references to secrets in plugins', () => {
  const accepted: [string, TSchema, object][] = [
    ['a length', long, { v: '$env://A' }],
    ['a pattern', Type.String({ pattern: '^\\d+$' }), { v: '$ENV://A' }],
    ['an enumeration', Type.Enum(['a', 'b'], { type: 'string' }), { v: '$secret://vault/1/a/b' }],
    ['a format', Type.String({ format: 'ipv4' }), { v: '$env://IP' }],
    ['items', Type.Array(long), { v: ['$env://A', 'x'.repeat(40)] }],
    ['fields', Type.Object({ deep: long }), { v: { deep: '$env://A' } }],
    ['a branch', either, { v: '$env://A' }],
    ['a field of a branch', either, { v: { b: '$env://A' } }],
  ]
  for (const [name, schema, config] of accepted) {
    test(`pass for ${name}`, () => {
      assert.equal(reasonOf(Type.Object({ v: schema }, closed), config), 'accepted')
    })
  }

  const refused: [string, TSchema, object, RegExp][] = [
    ['a number', Type.Integer(), { v: '$env://A' }, /"v" .* expected integer/],
    ['an object', Type.Object({}), { v: '$env://A' }, /"v" .* expected object/],
    ['what only looks like one', long, { v: '$file://A' }, /"v" .* string too short/],
    ['another field', long, { v: '$env://A', w: 1 }, /found w$/],
    ['another item', Type.Array(long), { v: ['$env://A', 'x'] }, /"v" .* item 2: string too short/],
    ['no branch', either, { v: { b: '$env://A', c: 1 } }, /"v" .* matches none/],
  ]
  for (const [name, schema, config, reason] of refused) {
    test(`do not pass for ${name}`, () => {
      assert.match(reasonOf(Type.Object({ v: schema }, closed), config), reason)
    })
  }

  test('defaults are filled in beside them', () => {
    const schema = Type.Object({ v: long, n: Type.Integer({ default: 3 }) })
    const { decode } = createResourceValidator(() => ({ schema }))
    const decoded = decode('plugin_configs', { id: 'x', plugins: { x: { v: '$env://A' } } })
    assert.ok(decoded.ok)
    assert.deepEqual(decoded.value.plugins['x'], { v: '$env://A', n: 3 })
  })
})
