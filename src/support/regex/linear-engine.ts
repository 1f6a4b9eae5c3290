import { createRequire } from 'node:module'
import type { RE2JS } from 're2js'
import { ConfigError } from '../../model/errors.ts'
import type { RegexEngine, RegexMatch } from './regex.ts'

/** RE2 instructions. Each character may visit all: 8 KiB of the worst text then take up to 0.3 s. */
const MAX_PROGRAM_SIZE = 1000

const load = createRequire(import.meta.url)
let loaded: typeof RE2JS | undefined

/** Names for what PCRE has and RE2 refuses, by how it looks in the pattern. */
const UNSUPPORTED: readonly [sign: RegExp, name: string][] = [
  [/\(\?<?[=!]/, 'look-around together with repeats that need bounds'],
  [/\(\?>/, 'atomic groups'],
  [/[*+?}]\+/, 'possessive quantifiers'],
  [/\\[1-9]|\\[gk][<{']/, 'back-references'],
  [/\\[KRXG]/, '\\K, \\R, \\X and \\G'],
  [/\(\?(?:R|\d|&|P>|\()/, 'recursion and conditions'],
]

/** Compiles for RE2's algorithm, whose time is linear in the text. @throws ConfigError */
export function compileLinear(pattern: string, flags: string): RegexEngine {
  loaded ??= (load('re2js') as { RE2JS: typeof RE2JS }).RE2JS
  const regex = compile(loaded, pattern, flags)
  return {
    test: (text) => regex.test(text),
    exec(text, from = 0): RegexMatch | null {
      const matcher = regex.matcher(text)
      if (!matcher.find(from)) return null
      const groups: (string | undefined)[] = []
      for (let i = 0; i <= matcher.groupCount(); i++) groups.push(matcher.group(i) ?? undefined)
      return Object.assign(groups, { index: matcher.start() })
    },
  }
}

function compile(engine: typeof RE2JS, pattern: string, flags: string): RE2JS {
  try {
    const regex = engine.compile(translate(pattern), flagsOf(engine, flags))
    if (regex.programSize() <= MAX_PROGRAM_SIZE) return regex
  } catch (cause) {
    throw refusal(pattern, reasonOf(pattern, cause), cause)
  }
  throw refusal(pattern, 'it is too large once its repeats are spelt out')
}

/** PCRE's words that RE2 spells otherwise, outside classes and in them. */
const SPELLINGS = new Map([
  ['\\h', '[ \\t]'],
  ['\\H', '[^ \\t]'],
  ['\\Z', '(?:\\n?\\z)'],
])
const CLASS_SPELLINGS = new Map([['\\h', ' \\t']])

function translate(pattern: string): string {
  let inClass = false
  return pattern.replaceAll(/\\[\s\S]|\[\^?\]?|\]/g, (piece) => {
    if (piece.startsWith('\\')) return spell(piece, inClass ? CLASS_SPELLINGS : SPELLINGS)
    inClass = piece.startsWith('[')
    return piece
  })
}

/** A backslash before a character beyond ASCII means nothing to PCRE and is an error to RE2. */
function spell(escaped: string, spellings: ReadonlyMap<string, string>): string {
  return spellings.get(escaped) ?? (escaped.charCodeAt(1) > 0x7f ? escaped.slice(1) : escaped)
}

function flagsOf(engine: typeof RE2JS, flags: string): number {
  let bits = 0
  if (flags.includes('i')) bits |= engine.CASE_INSENSITIVE
  if (flags.includes('m')) bits |= engine.MULTILINE
  if (flags.includes('s')) bits |= engine.DOTALL
  return bits
}

function reasonOf(pattern: string, cause: unknown): string {
  const bare = pattern.replaceAll(/\\\\/g, '')
  const known = UNSUPPORTED.find(([sign]) => sign.test(bare))
  if (known !== undefined) return `${known[1]} are not supported: their time has no bound`
  return cause instanceof Error ? cause.message : String(cause)
}

function refusal(pattern: string, reason: string, cause?: unknown): ConfigError {
  const shown = JSON.stringify(pattern.slice(0, 200))
  return new ConfigError('GW_CONFIG_INVALID', `regular expression ${shown}: ${reason}`, { cause })
}
