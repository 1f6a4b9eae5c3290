import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { isSameAuthority, isValidAuthority } from '../../src/http/host-header.ts'

suite('authority', () => {
  const valid = [
    'a',
    'a.example',
    'a.example.',
    'A.Example:8080',
    'a_b.svc-1~x',
    '127.0.0.1',
    '127.0.0.1:1',
    'a:65535',
    '[::1]',
    '[2001:db8::1]:443',
    '[::ffff:1.2.3.4]',
  ]
  for (const authority of valid) {
    test(`accepts ${authority}`, () => assert.equal(isValidAuthority(authority), true))
  }

  const invalid = [
    '',
    '.',
    '.a',
    'a..b',
    ':80',
    'a:',
    'a:0',
    'a:65536',
    'a:080808',
    'a:8x',
    'a:-1',
    'a:80:80',
    'u@a',
    'u:p@a',
    'a/b',
    'a?b',
    'a b',
    'a,b',
    'a%62',
    'a\\b',
    '\xe9.example',
    '::1',
    '[::1',
    '[::1]x',
    '[::1]:',
    '[::1]80',
    '[fe80::1%25eth0]',
    '[fe80::1%1]',
    '[v1.x]',
    '[a]',
    '[]',
    '[1.2.3.4]',
  ]
  for (const authority of invalid) {
    test(`refuses ${JSON.stringify(authority)}`, () =>
      assert.equal(isValidAuthority(authority), false))
  }

  test('compares without letter case and default port', () => {
    assert.equal(isSameAuthority('A.b', 'a.B:80', '80'), true)
    assert.equal(isSameAuthority('a.b:80', 'a.b', '443'), false)
    assert.equal(isSameAuthority('a.b:8080', 'a.b', '80'), false)
    assert.equal(isSameAuthority('[::1]:443', '[::1]', '443'), true)
  })
})
