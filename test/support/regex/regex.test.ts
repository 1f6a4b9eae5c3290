// biome-ignore-all lint/suspicious/noTemplateCurlyInString: replacements of PCRE, not of JavaScript
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { ConfigError } from '../../../src/model/errors.ts'
import { compileRegex } from '../../../src/support/regex/regex.ts'

suite('regular expressions', () => {
  const cases: [pattern: string, flags: string, text: string, expected: string[] | null][] = [
    ['^/api/(.*)', 'jo', '/api/x/y', ['/api/x/y', 'x/y']],
    ['^/iresty/(.*)/(.*)/(.*)', 'jo', '/iresty/a/b/c', ['/iresty/a/b/c', 'a', 'b', 'c']],
    ['[a-z]{1,4}', '', 'jack1', ['jack']],
    ['A', 'joi', 'xa', ['a']],
    ['(?i)abc', '', 'xABC', ['ABC']],
    ['x(?i)abc', '', 'xABC', ['xABC']],
    ['x(?i)abc', '', 'XABC', null],
    ['^(?!/admin)', '', '/admin/x', null],
    ['^(?!/admin)/', '', '/user', ['/']],
    ['(?P<year>\\d{4})-(?<month>\\d\\d)', '', 'on 2026-01', ['2026-01', '2026', '01']],
    ['^[[:alpha:]]+$', '', 'abc', ['abc']],
    ['[]a]+', '', 'x]a', [']a']],
    ['[^]a]', '', ']ab', ['b']],
    ['a.c', '', 'a\nc', null],
    ['a.c', '', 'a\rc', ['a\rc']],
    ['a.c', 's', 'a\nc', ['a\nc']],
    ['^b', 'm', 'a\nb', ['b']],
    ['a$', '', 'a\n', null],
    ['a\\Z', '', 'a\n', ['a\n']],
    ['\\Aa\\z', '', 'a', ['a']],
    ['\\Qa.b\\E', '', 'xa.b', ['a.b']],
    ['a\\hb[\\h]', '', 'a\tb ', ['a\tb ']],
    ['\\s', '', '\u00a0', null],
    ['[\\s]x', '', '\tx', ['\tx']],
    ['a{,2}', '', 'a{,2}', ['a{,2}']],
    ['{', '', 'a{', ['{']],
    ['\\/x\\-\\_\\%', '', '/x-_%', ['/x-_%']],
    ['(a)|(b)', '', 'b', ['b', undefined as never, 'b']],
    ['(a+)|(b+)', '', 'b', ['b', undefined as never, 'b']],
    ['gr\\\u00fcn', '', 'gr\u00fcn', ['gr\u00fcn']],
    ['', '', 'abc', ['']],
    ['(\\d+)', '', 'a12b345', ['12', '12']],
  ]
  for (const [pattern, flags, text, expected] of cases) {
    test(`/${pattern}/${flags} in ${JSON.stringify(text)}`, () => {
      const regex = compileRegex(pattern, flags)
      const match = regex.exec(text)
      assert.deepEqual(match && Array.from(match), expected)
      if (match) assert.ok(text.startsWith(match[0] ?? '-', match.index))
      assert.equal(regex.test(text), expected !== null)
    })
  }

  const refused: [pattern: string, reason: RegExp][] = [
    ['(a+)+\\1', /back-references/],
    ['.*(?=x).*', /look-around/],
    ['a++', /possessive/],
    ['(?>a+)b', /atomic/],
    ['(', /missing/],
    ['[z-a]+', /range/],
    ['a**', /repetition/],
    ['\\K', /\\K/],
    ['(a{1000}){1000}', /repeat/],
    ['(?:(?:a?){9999}){0}(?:b|b?){25}c', /repeat/],
    ['((((((a{10}){10}){10}){3}){2})b){2}', /repeat|large/],
    [`${'('.repeat(5000)}a${')'.repeat(5000)}`, /./],
  ]
  for (const [pattern, reason] of refused) {
    test(`/${pattern.slice(0, 40)}/ is refused with a reason`, () => {
      const isRefusal = (error: unknown) =>
        error instanceof ConfigError && reason.test(error.message)
      assert.throws(() => compileRegex(pattern), isRefusal)
    })
  }

  const engines: [pattern: string, engine: string][] = [
    ['^/api/(.*)', 'native'],
    ['^/a/(.*)/b$', 'native'],
    ['(curl|wget|python-requests)', 'native'],
    ['\\.(php|jsp).*', 'native'],
    ['^(?!/admin).*$', 'native'],
    ['^\\d+$', 'native'],
    ['\\d+/x', 'linear'],
    ['(a|aa){10}', 'linear'],
    ['(?:a?){20}b', 'linear'],
    ['^(a+)+$', 'linear'],
    ['^(a|a)*$', 'linear'],
    ['^(.*)/(.*)$', 'linear'],
    ['a|.*b', 'linear'],
    ['(^a|b).*c', 'linear'],
    ['.*x', 'linear'],
    ['(?:x{0,100}){2}y', 'linear'],
  ]
  for (const [pattern, engine] of engines) {
    test(`/${pattern}/ runs on the ${engine} engine`, () => {
      assert.equal(compileRegex(pattern).engine, engine)
    })
  }

  const substitutions: [pattern: string, text: string, by: string, one: string, all: string][] = [
    ['a', 'banana', 'o', 'bonana', 'bonono'],
    ['(n)(a)', 'banana', '<$2${1}$0$$>', 'ba<anna$>na', 'ba<anna$><anna$>'],
    ['x', 'banana', 'o', 'banana', 'banana'],
    ['a*', 'baac', '-', '-baac', '-b--c-'],
    ['^a', 'aaa', '', 'aa', 'aa'],
    ['(?:a|b)+', 'abxba', '$0.', 'ab.xba', 'ab.xba.'],
    ['^(?:a|b)+', 'abxba', '$', '$xba', '$xba'],
    ['(a)|(b)', 'ab', '[$1$2$9]', '[a]b', '[a][b]'],
  ]
  for (const [pattern, text, by, one, all] of substitutions) {
    test(`/${pattern}/ by ${by} in ${text}`, () => {
      assert.equal(compileRegex(pattern).replace(text, by), one)
      assert.equal(compileRegex(pattern).replaceAll(text, by), all)
    })
  }

  test('a replacement may be a function', () => {
    const regex = compileRegex('[a-z]+', 'i')
    assert.equal(
      regex.replaceAll('ab CD', (match) => `${match.index}${match[0]}`),
      '0ab 3CD',
    )
  })

  test('no pattern takes long over a hostile text', () => {
    const pieces = fc.constantFrom(
      'a',
      'b',
      '.',
      '.*',
      '(a',
      ')',
      '|',
      '+',
      '*',
      '?',
      '^',
      '{2,5}',
      '(?!a',
    )
    const patterns = fc.array(pieces, { minLength: 1, maxLength: 10 }).map((list) => list.join(''))
    fc.assert(
      fc.property(patterns, fc.constantFrom('a', 'ab', 'aab', '\n'), (pattern, piece) => {
        const regex = tryCompile(pattern)
        const text = `${piece.repeat(8192 / piece.length)}c`
        const startedAt = process.cpuUsage()
        regex?.test(text)
        const { user } = process.cpuUsage(startedAt)
        assert.ok(user < 250_000, `${pattern} took ${user} µs`)
      }),
      { numRuns: 400 },
    )
  })
})

function tryCompile(pattern: string): ReturnType<typeof compileRegex> | undefined {
  try {
    return compileRegex(pattern)
  } catch (error) {
    if (error instanceof ConfigError) return undefined
    throw error
  }
}
