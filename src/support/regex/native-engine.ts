import { type BoundedPattern, parseBounded } from './bounded-pattern.ts'
import type { RegexEngine } from './regex.ts'

/** Most steps that one position of an unanchored pattern may take; of an anchored one, any position. */
const MAX_COST = 128

/**
 * Compiles for V8's engine, if the pattern can't make it take more than linear time: without
 * unbounded repeats; with one after which nothing can fail; or with one in an anchored pattern.
 * Undefined = it might, or the pattern says something that JavaScript says otherwise.
 */
export function compileBounded(pattern: string, flags: string): RegexEngine | undefined {
  if (/[msx]/.test(flags)) return undefined
  const insensitive = pattern.startsWith('(?i)')
  const body = insensitive ? pattern.slice('(?i)'.length) : pattern
  const parsed = parseBounded(body)
  if (parsed === undefined || !isLinear(parsed)) return undefined
  const jsFlags = insensitive || flags.includes('i') ? 'i' : ''
  const regex = tryCompile(parsed.source, jsFlags)
  if (regex === undefined) return undefined
  const searching = new RegExp(regex.source, `g${jsFlags}`)
  return {
    test: (text) => regex.test(text),
    exec(text, from = 0) {
      if (from === 0) return regex.exec(text)
      searching.lastIndex = from
      return searching.exec(text)
    },
  }
}

function isLinear(pattern: BoundedPattern): boolean {
  // Not `>`: endless work that is repeated zero times costs NaN.
  if (!(pattern.cost <= MAX_COST)) return false
  return pattern.loops === 0 || (pattern.loops === 1 && (pattern.isAnchored || pattern.endsInLoop))
}

/** What JavaScript refuses (a range out of order) is left to the other engine to explain. */
function tryCompile(source: string, flags: string): RegExp | undefined {
  try {
    return new RegExp(source, flags)
  } catch {
    return undefined
  }
}
