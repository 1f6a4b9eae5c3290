import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { compileHashKey, type HashKeyConfig } from '../../src/upstream/hash-key.ts'
import { type RequestFacts, requestContext } from '../helpers/request-context.ts'

const CLIENT = '192.0.2.7'

suite('hash key', () => {
  const cases: [HashKeyConfig['hashOn'], key: string, RequestFacts, expected: string][] = [
    ['vars', 'uri', { target: '/a/b?c=1' }, '/a/b'],
    ['vars', 'arg_user', { target: '/?user=ann&user=bob' }, 'ann'],
    ['vars', 'arg_user', { target: '/?user=' }, CLIENT],
    ['vars', 'arg_user', {}, CLIENT],
    ['vars', 'remote_addr', {}, CLIENT],
    ['vars', 'host', {}, 'example.com'],
    ['header', 'X-Session-Id', { headers: ['x-session-id', 's1'] }, 's1'],
    ['header', 'X_Session_Id', { headers: ['X-Session-Id', 's1'] }, 's1'],
    ['header', 'X-Session-Id', {}, CLIENT],
    ['cookie', 'sid', { headers: ['Cookie', 'a=b; sid=s2'] }, 's2'],
    ['cookie', 'sid', {}, CLIENT],
    ['consumer', '', {}, CLIENT],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: variables of APISIX
    ['vars_combinations', '$request_uri-${arg_user ?? none}', { target: '/x' }, '/x-none'],
    ['vars_combinations', '$http_a:$http_b', { headers: ['b', '2'] }, ':2'],
    ['vars_combinations', '$http_a:$http_b', {}, CLIENT],
    ['vars_combinations', 'constant', {}, CLIENT],
  ]
  for (const [hashOn, key, facts, expected] of cases) {
    test(`${hashOn} ${key} → ${expected}`, () => {
      assert.equal(compileHashKey({ hashOn, key })(requestContext(facts)), expected)
    })
  }

  test("consumer → the consumer's name", () => {
    const consumer = {
      username: 'ann',
      groupId: undefined,
      labels: undefined,
      credentialId: undefined,
    }
    assert.equal(
      compileHashKey({ hashOn: 'consumer', key: '' })(requestContext({ consumer })),
      'ann',
    )
  })
})
