import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { RESOURCE_KINDS, type ResourceKind } from '../../src/model/resource-kind.ts'
import { Type } from '../../src/model/schema-builder.ts'
import type { PluginSchemas } from '../../src/model/schemas/plugin-schemas.ts'
import {
  createResourceValidator,
  validateResource,
  withDefaults,
} from '../../src/support/validate-resource.ts'

const route = { uri: '/', upstream: { nodes: { '127.0.0.1:80': 1 } } }

function nested(levels: number): unknown {
  return JSON.parse('['.repeat(levels) + ']'.repeat(levels))
}

suite('validate-resource', () => {
  const hostile: { name: string; body: unknown; refused: RegExp }[] = [
    { name: 'an array', body: [], refused: /expected object, got array$/ },
    { name: 'a string', body: 'x', refused: /expected object, got string$/ },
    { name: 'null', body: null, refused: /expected object, got null$/ },
    { name: 'undefined', body: undefined, refused: /expected JSON, got undefined$/ },
    { name: 'a function', body: { uri: () => '/' }, refused: /"uri" .* got function$/ },
    {
      name: 'a __proto__ key',
      body: JSON.parse('{"__proto__":{}}'),
      refused: /"__proto__" .* not al/,
    },
    {
      name: 'a nested __proto__ key',
      body: { ...route, labels: JSON.parse('{"__proto__":"x"}') },
      refused: /"labels" .* "__proto__"/,
    },
    {
      name: 'a constructor key',
      body: { ...route, constructor: {} },
      refused: /found constructor$/,
    },
    {
      name: 'a plugin named constructor',
      body: { ...route, plugins: { constructor: {} } },
      refused: /unkn/,
    },
    {
      name: '100 levels',
      body: { ...route, vars: nested(100) },
      refused: /"vars" .* deeper than 64/,
    },
    { name: '5 000 levels', body: nested(5000), refused: /deeper than 64 levels$/ },
    { name: 'U+0000', body: { ...route, desc: 'a\0b' }, refused: /"desc" .* U\+0000/ },
    {
      name: 'U+0000 in a key',
      body: { ...route, labels: { 'a\0': 'b' } },
      refused: /"labels".*U\+0000/,
    },
    {
      name: 'a lone surrogate',
      body: { ...route, desc: 'a\ud800' },
      refused: /"desc" .* surrogates/,
    },
    {
      name: 'an infinite number',
      body: { ...route, priority: Number.POSITIVE_INFINITY },
      refused: /"priority".*within/,
    },
    {
      name: 'an inexact number',
      body: { ...route, service_id: 2 ** 60 },
      refused: /"service_id".*with/,
    },
    { name: 'a huge unknown name', body: { ['x'.repeat(1e6)]: 1 }, refused: /^.{1,200}$/ },
  ]
  for (const { name, body, refused } of hostile) {
    test(`refuses ${name}`, () => assert.match(validateResource('routes', body) ?? '', refused))
  }

  test('labels may have any key', () => {
    assert.equal(validateResource('routes', { ...route, labels: { constructor: 'x' } }), undefined)
  })

  test('large arrays cost little', { timeout: 5000 }, () => {
    const hosts = Array.from({ length: 100_000 }, (_, i) => `h${i}`)
    assert.equal(validateResource('routes', { ...route, hosts }), undefined)
    const methods = Array.from({ length: 400_000 }, () => 'GET')
    assert.match(validateResource('routes', { ...route, methods }) ?? '', /"methods" .* unique/)
    const ssl_protocols = Array.from({ length: 400_000 }, () => 'TLSv1.2')
    assert.match(validateResource('ssls', { ssl_protocols }) ?? '', /required|at most 3 items/)
  })

  test('10 000 routes take less than 150 ms', () => {
    const body = { ...route, id: 'r', methods: ['GET'], hosts: ['a.test'], labels: { a: 'b' } }
    const times = Array.from({ length: 5 }, () => {
      const startedAt = performance.now()
      for (let i = 0; i < 10_000; i++) validateResource('routes', body)
      return performance.now() - startedAt
    })
    assert.ok(Math.min(...times) < 150, `took ${Math.min(...times)} ms`)
  })

  test('the given object is never changed', () => {
    const body = Object.freeze({ ...route, upstream: Object.freeze({ ...route.upstream }) })
    assert.equal(withDefaults('routes', body).upstream?.type, 'roundrobin')
    assert.equal(validateResource('routes', body), undefined)
  })

  test('filling defaults twice changes nothing', () => {
    const once = withDefaults('routes', route)
    assert.deepEqual(withDefaults('routes', once), once)
  })

  test('withDefaults throws what validateResource returns', () => {
    assert.throws(() => withDefaults('routes', {}), {
      code: 'GW_CONFIG_INVALID',
      message: validateResource('routes', {}) ?? '',
    })
  })

  test('any JSON is accepted or refused with a reason', () => {
    const kinds = fc.constantFrom(...RESOURCE_KINDS)
    fc.assert(
      fc.property(kinds, fc.jsonValue(), (kind, body) => {
        const reason = validateResource(kind, body)
        assert.ok(reason === undefined || reason.length > 0)
      }),
    )
  })
})

suite('validate-resource with plugins', () => {
  const closed = { additionalProperties: false }
  const plugins = new Map<string, PluginSchemas>([
    [
      'limit',
      {
        schema: Type.Object(
          { count: Type.Integer({ minimum: 1 }), per: Type.Integer({ default: 1 }) },
          closed,
        ),
        consumerSchema: Type.Object({ key: Type.String() }, closed),
        metadataSchema: Type.Object({ size: Type.Integer({ default: 9 }) }, closed),
      },
    ],
    ['bare', { schema: Type.Object({}) }],
  ])
  const { decode } = createResourceValidator((name) => plugins.get(name))

  function reasonOf(kind: ResourceKind, body: object): string {
    const decoded = decode(kind, body)
    return decoded.ok ? 'accepted' : decoded.reason
  }

  test('a configuration gets its defaults, beside _meta', () => {
    const _meta = { disable: true, priority: 1, error_response: { a: 1 }, filter: [] }
    const decoded = decode('routes', { ...route, plugins: { limit: { count: 2, _meta } } })
    assert.ok(decoded.ok)
    assert.deepEqual(decoded.value.plugins, { limit: { count: 2, per: 1, _meta } })
  })

  test('a bad configuration is refused with plugin and field', () => {
    const reason = reasonOf('routes', { ...route, plugins: { limit: { count: 0 } } })
    assert.equal(
      reason,
      'failed to check the configuration of plugin limit err: property "count" validation failed: expected 0 to be at least 1',
    )
  })

  test('a consumer has a schema of its own', () => {
    const consumer = (limit: object) => ({ username: 'a', plugins: { limit } })
    assert.equal(reasonOf('consumers', consumer({ key: 'k' })), 'accepted')
    assert.match(
      reasonOf('consumers', consumer({ count: 1 })),
      /^invalid plugins conf.*"key" is req/,
    )
  })

  test('a disabled plugin may be wrong', () => {
    const limit = { count: 0, _meta: { disable: true } }
    assert.equal(reasonOf('routes', { ...route, plugins: { limit } }), 'accepted')
    const unknown = { nothing: { _meta: { disable: true } } }
    assert.match(reasonOf('routes', { ...route, plugins: unknown }), /^unknown plugin/)
  })

  const metas = [
    { meta: { filter: [['arg_a', '==', 'b']] }, reason: /^accepted$/ },
    { meta: { filter: [['arg_a', 'is', 'b']] }, reason: /plugin limit err: failed to .*'vars'/ },
    { meta: { filter: 'x' }, reason: /"_meta" .* "filter" .* expected array/ },
    { meta: { pre_function: 'return 1' }, reason: /"_meta.pre_function".* no Lua/ },
    { meta: { error_response: 1 }, reason: /"error_response" .* a string or an object/ },
    { meta: { priority: 'first' }, reason: /"priority" .* expected integer/ },
    { meta: { disable: 1 }, reason: /"disable" .* expected boolean/ },
    { meta: { other: 1 }, reason: /"_meta" .* found other$/ },
    { meta: 'x', reason: /"_meta" .* expected object/ },
  ]
  for (const { meta, reason } of metas) {
    test(`_meta ${JSON.stringify(meta)}`, () => {
      const plugins = { limit: { count: 1, _meta: meta } }
      assert.match(reasonOf('routes', { ...route, plugins }), reason)
    })
  }

  test('plugins whose configuration is Lua are refused with the reason', () => {
    const plugins = { 'serverless-pre-function': { functions: [] } }
    assert.match(reasonOf('routes', { ...route, plugins }), /^unknown plugin .* runs no Lua/)
  })

  test('a credential takes plugins that find the consumer', () => {
    const credential = (plugins: object) => ({ id: 'a/credentials/b', plugins })
    assert.equal(reasonOf('credentials', credential({ limit: { key: 'k' } })), 'accepted')
    assert.match(reasonOf('credentials', credential({ limit: {} })), /"key" is required$/)
    assert.match(reasonOf('credentials', credential({ bare: {} })), /only supports auth type/)
  })

  test('metadata is checked by the plugin of its id', () => {
    const decoded = decode('plugin_metadata', { id: 'limit' })
    assert.deepEqual(decoded, { ok: true, value: { id: 'limit', size: 9 } })
    assert.match(reasonOf('plugin_metadata', { id: 'limit', size: 'x' }), /"size" .* integer/)
    assert.equal(reasonOf('plugin_metadata', { id: 'bare', any: [1] }), 'accepted')
  })
})
