import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ConfigError } from '../../../src/model/errors.ts'
import {
  checkExpression,
  compileExpression,
  expressionNeedsBody,
} from '../../../src/support/expression/expression.ts'
import { requestContext } from '../../helpers/request-context.ts'

/** A request whose argument `k` is this text; undefined = it has no such argument. */
function withArgument(k: string | undefined) {
  return requestContext({ target: k === undefined ? '/' : `/?k=${encodeURIComponent(k)}` })
}

type Case = [operator: string, right: unknown, value: string | undefined, expected: boolean]

const operators: Case[] = [
  ['==', 'v', 'v', true],
  ['==', 'v', 'V', false],
  ['==', 'v', undefined, false],
  ['==', '', '', true],
  ['==', 18, '18', true],
  ['==', 18, '18.0', true],
  ['==', 18, ' 0x12 ', true],
  ['==', 18, '18x', false],
  ['==', 0, '', false],
  ['==', 18, undefined, false],
  ['==', '18', '18.0', false],
  ['==', null, undefined, true],
  ['==', null, '', false],
  ['==', true, 'true', false],
  ['==', ['v'], 'v', false],
  ['~=', 'v', 'v', false],
  ['~=', 'v', 'w', true],
  ['~=', 'v', undefined, true],
  ['~=', 18, '18', false],
  ['~=', 18, 'aa', true],
  ['~=', 18, undefined, true],
  ['~=', null, 'v', true],
  ['~=', null, undefined, false],
  ['>', 10, '11', true],
  ['>', 10, '10', false],
  ['>', '10', '9', false],
  ['>', 10, 'abc', false],
  ['>', 'abc', '11', false],
  ['>', 10, undefined, false],
  ['>', 10, '1e2', true],
  ['>', 10, 'Infinity', false],
  ['>', -5, '-4.5', true],
  ['>=', '2', '2', true],
  ['>=', 3, '2', false],
  ['<', 10, '9', true],
  ['<', 10, '', false],
  ['<=', '2', '3', false],
  ['<=', 3, '3', true],
  ['~~', '[a-z]{1,4}', 'jack', true],
  ['~~', '^[a-z]+$', 'jack1', false],
  ['~~', 'A', 'a', false],
  ['~~', '.', undefined, false],
  ['~~', '^$', '', true],
  ['~~', 1, 'x1', true],
  ['~~', '^(a+)+$', `${'a'.repeat(100)}b`, false],
  ['~*', 'A', 'a', true],
  ['~*', '^(Curl|WGET)/', 'curl/8', true],
  ['~*', 'A', undefined, false],
  ['in', ['1', '2'], '2', true],
  ['in', ['1', '2'], '3', false],
  ['in', [1, 2], '1', false],
  ['in', ['1'], undefined, false],
  ['in', '1', '1', false],
  ['IN', ['1'], '1', true],
  ['has', 'v', 'v', false],
  ['HAS', 'v', undefined, false],
  ['ipmatch', '10.0.0.0/8', '10.1.1.1', true],
  ['ipmatch', ['10.0.0.0/8', '::1'], '::1', true],
  ['ipmatch', ['10.0.0.0/8'], '11.0.0.1', false],
  ['ipmatch', ['10.0.0.0/8'], 'ten', false],
  ['ipmatch', ['10.0.0.0/8'], undefined, false],
]

suite('operators', () => {
  for (const [operator, right, value, expected] of operators) {
    const shown = value === undefined ? 'nothing' : JSON.stringify(value)
    test(`${shown} ${operator} ${JSON.stringify(right)} is ${expected}, with ! the opposite`, () => {
      const request = withArgument(value)
      assert.equal(compileExpression([['arg_k', operator, right]])(request), expected)
      assert.equal(compileExpression([['arg_k', '!', operator, right]])(request), !expected)
    })
  }

  test('a value without an operator is compared', () => {
    assert.equal(compileExpression([['arg_k', 'v']])(withArgument('v')), true)
    assert.equal(compileExpression([['arg_k', 'v']])(withArgument('w')), false)
    assert.equal(compileExpression([['arg_k', 7]])(withArgument('7')), true)
  })

  const json: [condition: unknown[], expected: boolean][] = [
    [['post_arg.n', '==', 3], true],
    [['post_arg.n', '==', '3'], false],
    [['post_arg.n', 'in', [2, 3]], true],
    [['post_arg.n', '~~', '^3$'], true],
    [['post_arg.on', '==', true], true],
    [['post_arg.list', 'has', 'b'], true],
    [['post_arg.list', 'has', 'c'], false],
    [['post_arg.list', '~~', '.'], false],
    [['post_arg.list[*]', 'has', 'a'], true],
    [['post_arg.missing', '==', null], true],
  ]
  for (const [condition, expected] of json) {
    test(`${JSON.stringify(condition)} over a JSON body is ${expected}`, () => {
      const headers = ['Content-Type', 'application/json']
      const body = '{"n":3,"on":true,"list":["a","b"]}'
      const request = requestContext({ method: 'POST', headers, body })
      assert.equal(compileExpression([condition])(request), expected)
    })
  }
})

suite('nested conditions', () => {
  const a = ['arg_a', '==', '1']
  const b = ['arg_b', '==', '1']
  const c = ['arg_c', '==', '1']
  const cases: [vars: unknown, target: string, expected: boolean][] = [
    [undefined, '/', true],
    [[], '/', true],
    [[a], '/?a=1', true],
    [[a, b], '/?a=1', false],
    [[a, b], '/?a=1&b=1', true],
    [[a, b, c], '/?a=1&b=1', false],
    [[a, b, c], '/?a=1&b=1&c=1', true],
    [['AND', a, b], '/?a=1', false],
    [['OR', a, b], '/?b=1', true],
    [['or', a, b], '/', false],
    [['!AND', a, b], '/?a=1', true],
    [['!AND', a, b], '/?a=1&b=1', false],
    [['!OR', a, b], '/', true],
    [['!OR', a, b], '/?b=1', false],
    [['OR', ['AND', a, b], ['!OR', b, c]], '/?a=1&b=1', true],
    [['OR', ['AND', a, b], ['!OR', b, c]], '/?a=1&c=1', false],
    [[['OR', a, b], c], '/?b=1&c=1', true],
    [['AND', [a, b], c], '/?a=1&b=1', false],
  ]
  for (const [vars, target, expected] of cases) {
    test(`${JSON.stringify(vars)} of ${target} is ${expected}`, () => {
      assert.equal(compileExpression(vars)(requestContext({ target })), expected)
    })
  }

  const refused: [vars: unknown, reason: RegExp][] = [
    ['x', /expected an array/],
    [['arg_k', '==', 'v'], /rule should be wrapped inside brackets/],
    [[['arg_k', '=', 'v']], /invalid operator '='/],
    [[['arg_k', 'constructor', 'v']], /invalid operator 'constructor'/],
    [[['arg_k']], /invalid expression/],
    [[['arg_k', '!', '==', 'v', 'w']], /invalid expression/],
    [[[]], /rule too short/],
    [[['!', 'arg_k', '==', '1']], /bad 'not' expression/],
    [['OR', a], /rule too short/],
    [['OR', a, ['AND']], /rule too short/],
    [['OR', a, 'x'], /expected an array/],
    [[[1, '==', 2]], /name of a variable/],
    [[['arg_k', '~~', '(']], /regular expression "\("/],
    [[['arg_k', '~~', ['x']]], /is a regular expression/],
    [[['arg_k', 'ipmatch', ['10.0.0.0/33']]], /invalid ip address/],
    [[['arg_k', 'ipmatch', []]], /is an address/],
    [[['post_arg.a[?x]', '==', '1']], /is no path/],
    [Array.from({ length: 40 }).reduce((rule) => [rule], a), /nested more than/],
  ]
  for (const [vars, reason] of refused) {
    test(`${JSON.stringify(vars)} is refused: ${reason.source}`, () => {
      assert.throws(
        () => compileExpression(vars),
        (error) => error instanceof ConfigError && reason.test(error.message),
      )
      assert.match(checkExpression(vars) ?? '', reason)
    })
  }

  test('say whether they need the body', () => {
    assert.equal(expressionNeedsBody(undefined), false)
    assert.equal(expressionNeedsBody([a, ['OR', b, c]]), false)
    assert.equal(expressionNeedsBody([['arg_k', 'in', ['post_arg_x']]]), false)
    assert.equal(expressionNeedsBody([a, ['OR', b, ['post_arg_x', '==', '1']]]), true)
    assert.equal(expressionNeedsBody([['graphql_name', 'x']]), true)
  })
})
