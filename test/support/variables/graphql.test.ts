import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { parseOperation } from '../../../src/support/variables/graphql-operation.ts'
import { compileValue } from '../../../src/support/variables/variable.ts'
import { requestContext } from '../../helpers/request-context.ts'

suite('GraphQL variables', () => {
  const documents: [document: string, expected: [string, string, string[]] | undefined][] = [
    ['query getRepo { owner { name } repo { created } }', ['query', 'getRepo', ['owner', 'repo']]],
    ['{ hero }', ['query', '', ['hero']]],
    ['mutation { a(x: {y: [1, 2]}, s: "}") @skip(if: $v) b }', ['mutation', '', ['a', 'b']]],
    ['subscription S($a: Int = {b: 1}) @d { me: user { id } }', ['subscription', 'S', ['user']]],
    ['# {\n{ a # }\n ...Part ... on T { x } b }', ['query', '', ['a', 'Part', 'b']]],
    ['{ a(s: """ } \\""" """) b(s: "\\"}") }', ['query', '', ['a', 'b']]],
    ['query A { a } query B { b }', ['query', 'A', ['a']]],
    ['{ constructor }', ['query', '', ['constructor']]],
    ['fragment F on T { x }', undefined],
    ['{ a', undefined],
    ['{ a } }', undefined],
    ['{ a ( } )', undefined],
    ['{}', undefined],
    ['', undefined],
    ['hello', undefined],
  ]
  for (const [document, expected] of documents) {
    test(`${JSON.stringify(document)}`, () => {
      const found = parseOperation(document)
      assert.deepEqual(found && [found.operation, found.name, found.rootFields], expected)
    })
  }

  const query = 'query getRepo { owner }'
  const requests = {
    'the argument of a GET': { target: `/g?query=${encodeURIComponent(query)}` },
    'a body of any type': { method: 'POST', body: query },
    'a JSON body': {
      method: 'POST',
      headers: ['content-type', 'application/json'],
      body: JSON.stringify({ query }),
    },
  }
  for (const [name, facts] of Object.entries(requests)) {
    test(`come from ${name}`, () => {
      const request = requestContext(facts)
      const names = ['graphql_operation', 'graphql_name', 'graphql_root_fields', 'graphql_x']
      assert.deepEqual(
        names.map((variable) => compileValue(variable)(request)),
        ['query', 'getRepo', ['owner'], undefined],
      )
    })
  }

  test('a hostile document costs little', () => {
    for (const piece of ['{', '"""', '"\\', 'a(', '...on ', '#']) {
      const startedAt = performance.now()
      parseOperation(`{${piece.repeat(300_000)}`)
      assert.ok(performance.now() - startedAt < 3000, piece)
    }
  })
})
