/** What a piece of a pattern is in JavaScript, and how long it is in the pattern. */
type Piece = [source: string, length: number]

/** White space of PCRE; JavaScript's `\s` has more. */
const SPACE = '\\t-\\r '

/** An escape that stands for one character; undefined = it means something else, or nothing. */
export function parseEscape(pattern: string, at: number, inClass: boolean): Piece | undefined {
  const letter = pattern[at + 1] ?? ''
  if (letter === 's') return [inClass ? SPACE : `[${SPACE}]`, 2]
  if (letter === 'S') return inClass ? undefined : [`[^${SPACE}]`, 2]
  if (letter === 'x') {
    const code = /^[0-9a-fA-F]{2}/.exec(pattern.slice(at + 2, at + 4))
    return code === null ? undefined : [`\\x${code[0]}`, 4]
  }
  if (/[dDwWtnrf]/.test(letter)) return [`\\${letter}`, 2]
  return /[!-/:-@[-`{-~]/.test(letter) ? [letter === '_' ? '_' : `\\${letter}`, 2] : undefined
}

/** A class in brackets; undefined for POSIX classes and what else JavaScript hasn't got. */
export function parseClass(pattern: string, start: number): Piece | undefined {
  // A bracket that comes first is itself.
  const opening = /^\[\^?\]?/.exec(pattern.slice(start, start + 3))?.[0] ?? '['
  let source = opening.replace(']', '\\]')
  let at = start + opening.length
  while (at < pattern.length) {
    if (pattern[at] === ']') return [`${source}]`, at + 1 - start]
    const piece = parseClassItem(pattern, at)
    if (piece === undefined) return undefined
    source += piece[0]
    at += piece[1]
  }
  return undefined
}

function parseClassItem(pattern: string, at: number): Piece | undefined {
  const character = pattern[at] ?? ''
  if (character === '\\') return parseEscape(pattern, at, true)
  if (character !== '[') return [character, 1]
  return /[:.=]/.test(pattern[at + 1] ?? '') ? undefined : ['\\[', 1]
}
