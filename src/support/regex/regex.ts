import { compileLinear } from './linear-engine.ts'
import { compileBounded } from './native-engine.ts'
import { compileReplacement, type Replacement } from './replacement.ts'

/** A match: `[0]` is the whole, then the groups; undefined for a group that took no part. */
export interface RegexMatch {
  readonly [group: number]: string | undefined
  readonly length: number
  /** Where it starts in the text. */
  readonly index: number
}

/** What an engine does; both start at an offset and see the text before it. */
export interface RegexEngine {
  test(text: string): boolean
  exec(text: string, from?: number): RegexMatch | null
}

/** A compiled pattern. Its worst case grows linearly with the text, whatever the pattern. */
export interface Regex {
  readonly source: string
  /** `native` is V8's; `linear` is RE2's algorithm in JavaScript, about ten times slower. */
  readonly engine: 'native' | 'linear'
  test(text: string): boolean
  /** The first match. */
  exec(text: string): RegexMatch | null
  /** Puts `replacement` in place of the first match: `$1`, `${1}`, `$0` (all), `$$`, as in ngx.re.sub. */
  replace(text: string, replacement: string | Replacement): string
  /** The same for every match, as ngx.re.gsub. */
  replaceAll(text: string, replacement: string | Replacement): string
}

/**
 * Compiles a PCRE pattern. `flags` are ngx.re's: `i`, `m` and `s` count, `j`, `o` and `u` make no difference.
 *
 * A pattern runs on V8's backtracking engine only where that can't take more than linear time;
 * everything else runs on RE2, which has no look-around in patterns with several unbounded repeats,
 * no back-references, no possessive quantifiers and no atomic groups.
 * @throws ConfigError naming what the pattern has that can't be served.
 */
export function compileRegex(pattern: string, flags = ''): Regex {
  const native = compileBounded(pattern, flags)
  const engine = native ?? compileLinear(pattern, flags)
  return {
    source: pattern,
    engine: native === undefined ? 'linear' : 'native',
    test: (text) => engine.test(text),
    exec: (text) => engine.exec(text),
    replace: (text, replacement) => substitute(engine, text, replacement, 1),
    replaceAll: (text, replacement) =>
      substitute(engine, text, replacement, Number.POSITIVE_INFINITY),
  }
}

function substitute(
  engine: RegexEngine,
  text: string,
  replacement: string | Replacement,
  limit: number,
): string {
  const render = typeof replacement === 'string' ? compileReplacement(replacement) : replacement
  let result = ''
  let copied = 0
  let from = 0
  for (let count = 0; count < limit && from <= text.length; count++) {
    const match = engine.exec(text, from)
    if (match === null) break
    const end = match.index + (match[0] ?? '').length
    result += text.slice(copied, match.index) + render(match)
    copied = end
    // An empty match must not be found again.
    from = end === match.index ? end + 1 : end
  }
  return result + text.slice(copied)
}
