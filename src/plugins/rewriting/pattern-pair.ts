import { ConfigError } from '../../model/errors.ts'
import { compileRegex, type Regex, type RegexMatch } from '../../support/regex/regex.ts'
import { compileReplacement, type Replacement } from '../../support/regex/replacement.ts'

/** A pattern and what takes the place of its match. */
export interface PatternPair {
  readonly regex: Regex
  readonly replacement: Replacement
}

/** A dollar sign that ngx.re.sub has no meaning for. */
const BAD_DOLLAR = /^(?:[^$]|\$(?:\d|\{\d+\}|\$))*\$(?!\d|\{\d+\}|\$)/

/**
 * Compiles the two halves of a `regex_uri`.
 * @throws ConfigError what the pattern, or a reference in the replacement, is wrong with.
 */
export function compilePair(pattern: string, replacement: string): PatternPair {
  checkReplacement(replacement)
  return { regex: compileRegex(pattern), replacement: compileReplacement(replacement) }
}

/** @throws ConfigError for a `$` that begins no reference. */
export function checkReplacement(replacement: string): void {
  if (!BAD_DOLLAR.test(replacement)) return
  const shown = JSON.stringify(replacement)
  const message = `invalid capturing variable name found in ${shown}`
  throw new ConfigError('GW_CONFIG_INVALID', message)
}

/** The text with the match replaced. */
export function substitute(text: string, match: RegexMatch, replacement: Replacement): string {
  const end = match.index + (match[0] ?? '').length
  return text.slice(0, match.index) + replacement(match) + text.slice(end)
}
