import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { normalizePath } from '../../src/routing/path.ts'

suite('normalizePath', () => {
  const cases: [target: string, path: string | undefined][] = [
    ['/', '/'],
    ['/a/b', '/a/b'],
    ['/a/b/', '/a/b/'],
    ['/a?b=/../c', '/a'],
    ['/?', '/'],
    ['/a//b///c', '/a/b/c'],
    ['//a', '/a'],
    ['/a//', '/a/'],
    ['/a/./b', '/a/b'],
    ['/a/.', '/a/'],
    ['/a/b/../c', '/a/c'],
    ['/a/b/..', '/a/'],
    ['/a/..', '/'],
    ['/a/...', '/a/...'],
    ['/.well-known/x', '/.well-known/x'],
    ['/a..b/..c', '/a..b/..c'],
    ['/..', undefined],
    ['/a/../..', undefined],
    ['/a/../../b', undefined],
    ['/%2e%2e/a', undefined],
    ['/public/..%2fadmin', '/admin'],
    ['/public/%2e%2e/admin', '/admin'],
    ['/public%2f%2e%2e%2fadmin', '/admin'],
    ['/a%2fb', '/a/b'],
    ['/a%2F%2fb', '/a/b'],
    ['/a%20b', '/a b'],
    ['/%41', '/A'],
    ['/%2541', '/%41'],
    ['/%252e%252e/a', '/%2e%2e/a'],
    ['/a%3Fb', '/a?b'],
    ['/a%23b', '/a#b'],
    ['/caf%C3%A9', '/café'],
    ['/caf\xc3\xa9', '/café'],
    ['/caf%E9', undefined],
    ['/caf\xe9', undefined],
    ['/%C0%AE%C0%AE/a', undefined],
    ['/a%00', undefined],
    ['/a\0', undefined],
    ['/a%zz', undefined],
    ['/a%', undefined],
    ['/a%4', undefined],
    ['/a#b', undefined],
    ['/a\u20acb', undefined],
    ['/a%5Cb', '/a\\b'],
    ['/public/..%5Cadmin', undefined],
    ['/public/..\\admin', undefined],
    ['/public/x\\..\\admin', undefined],
    ['/public/..;/admin', undefined],
    ['/public/..;x=y/admin', undefined],
    ['/public/a..;b/c', '/public/a..;b/c'],
    ['/a;v=1/b', '/a;v=1/b'],
    ['', undefined],
    ['*', undefined],
    ['a/b', undefined],
    ['?a', undefined],
    ['http://host/a', undefined],
  ]
  for (const [target, path] of cases) {
    test(`${JSON.stringify(target)} is ${JSON.stringify(path)}`, () => {
      assert.equal(normalizePath(target), path)
    })
  }

  const piece = fc.constantFrom(
    ...[
      '/',
      '//',
      '.',
      '..',
      '%2e',
      '%2F',
      '%5c',
      '\\',
      ';',
      'a',
      'b',
      '%41',
      '%25',
      '?',
      '%',
      '%00',
    ],
  )
  const target = fc.array(piece, { maxLength: 12 }).map((pieces) => `/${pieces.join('')}`)

  test('never leaves a dot segment, an empty segment or a NUL', () => {
    fc.assert(
      fc.property(target, (raw) => {
        const path = normalizePath(raw)
        if (path === undefined) return
        assert.match(path, /^\//)
        assert.doesNotMatch(path, /\/\/|\/\.{1,2}(?:\/|$)|\0/)
        assert.doesNotMatch(path, /[/\\]\.\.(?:[\\;/]|$)/)
      }),
    )
  })

  test('leaves a path alone that it has made, unless that holds an escape of its own', () => {
    fc.assert(
      fc.property(target, (raw) => {
        const path = normalizePath(raw)
        if (path === undefined || /[%?#]/.test(path)) return
        assert.equal(normalizePath(path), path)
      }),
    )
  })

  test('decodes what encodeURIComponent encodes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (text) => {
        fc.pre(text.isWellFormed() && !/[\\/\0]|^\.{1,2}$|\.\./.test(text))
        assert.equal(normalizePath(`/${encodeURIComponent(text)}`), `/${text}`)
      }),
    )
  })
})
