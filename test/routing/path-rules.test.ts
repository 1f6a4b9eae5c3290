import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createPathNormalizer } from '../../src/routing/path-rules.ts'

suite('rules for paths', () => {
  const plain = createPathNormalizer({ deleteTailSlash: false, likeServlet: false })
  const tail = createPathNormalizer({ deleteTailSlash: true, likeServlet: false })
  const servlet = createPathNormalizer({ deleteTailSlash: false, likeServlet: true })
  const both = createPathNormalizer({ deleteTailSlash: true, likeServlet: true })

  type Expected = string | undefined
  const cases: [
    target: string,
    plain: Expected,
    tail: Expected,
    servlet: Expected,
    both: Expected,
  ][] = [
    ['/a/b', '/a/b', '/a/b', '/a/b', '/a/b'],
    ['/a/', '/a/', '/a', '/a/', '/a'],
    ['/a//?x=/', '/a/', '/a', '/a/', '/a'],
    ['/', '/', '/', '/', '/'],
    ['/a;v=1/b;x', '/a;v=1/b;x', '/a;v=1/b;x', '/a/b', '/a/b'],
    ['/a/;x', '/a/;x', '/a/;x', '/a/', '/a'],
    ['/a%3Bv/b', '/a;v/b', '/a;v/b', '/a/b', '/a/b'],
    ['/a/;x/b', '/a/;x/b', '/a/;x/b', undefined, undefined],
    ['/a/.;x/b', '/a/.;x/b', '/a/.;x/b', undefined, undefined],
    ['/a/..;x/b', undefined, undefined, undefined, undefined],
    ['/a/%252e%252e;/b', '/a/%2e%2e;/b', '/a/%2e%2e;/b', undefined, undefined],
    ['/a/%252e;/b', '/a/%2e;/b', '/a/%2e;/b', undefined, undefined],
    ['a', undefined, undefined, undefined, undefined],
  ]
  for (const [target, asIs, withoutTail, likeServlet, withBoth] of cases) {
    test(target, () => {
      assert.equal(plain(target), asIs)
      assert.equal(tail(target), withoutTail)
      assert.equal(servlet(target), likeServlet)
      assert.equal(both(target), withBoth)
    })
  }
})
