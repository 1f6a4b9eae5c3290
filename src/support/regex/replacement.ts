import type { RegexMatch } from './regex.ts'

/** Makes the text that takes the place of a match. */
export type Replacement = (match: RegexMatch) => string

const REFERENCE = /\$(?:(\d{1,3})|\{(\d{1,3})\}|(\$))/g

/**
 * Compiles a replacement of ngx.re.sub's form: `$0` is the match, `$1` and `${1}` are groups (empty if
 * they took no part), `$$` is a dollar sign; any other `$` stands for itself.
 */
export function compileReplacement(text: string): Replacement {
  const texts: string[] = []
  const groups: number[] = []
  let at = 0
  let literal = ''
  for (const match of text.matchAll(REFERENCE)) {
    literal += text.slice(at, match.index)
    at = match.index + match[0].length
    const group = match[1] ?? match[2]
    if (group === undefined) {
      literal += '$'
      continue
    }
    texts.push(literal)
    groups.push(Number(group))
    literal = ''
  }
  const tail = literal + text.slice(at)
  return (match) => {
    let result = ''
    for (let i = 0; i < groups.length; i++) {
      result += texts[i]
      result += match[groups[i] as number] ?? ''
    }
    return result + tail
  }
}
