import { parseClass, parseEscape } from './pattern-escapes.ts'

/** A pattern in JavaScript's words, and what is known of the work it can make. */
export interface BoundedPattern {
  readonly source: string
  /** Bound of the steps at one position, an unbounded repeat counting as one. */
  readonly cost: number
  /** Bound of the ways in which one position can match. */
  readonly ways: number
  /** Unbounded repeats. */
  readonly loops: number
  /** Nothing follows the unbounded repeat that could fail and make it try again. */
  readonly endsInLoop: boolean
  /** It can match at the start of the text only. */
  readonly isAnchored: boolean
}

interface Item extends BoundedPattern {
  /** One character, a class or an escape: what an unbounded repeat may repeat. */
  readonly isSingle: boolean
  /** An assertion, which nothing repeats. */
  readonly isAssertion: boolean
}

interface Cursor {
  readonly pattern: string
  at: number
  depth: number
}

const MAX_LENGTH = 4096
const MAX_DEPTH = 32
const GROUP = /\((?:\?(?::|<?[=!]|P?<[A-Za-z_]\w{0,31}>))?/y
const QUANTIFIER = /(?:[*+?]|\{(\d{1,4})(?:(,)(\d{1,4})?)?\})\??/y
const EMPTY: BoundedPattern = {
  source: '',
  cost: 1,
  ways: 1,
  loops: 0,
  endsInLoop: false,
  isAnchored: false,
}

/** Reads a PCRE pattern; undefined = it has something that this doesn't understand. */
export function parseBounded(pattern: string): BoundedPattern | undefined {
  if (pattern.length > MAX_LENGTH) return undefined
  const cursor = { pattern, at: 0, depth: 0 }
  const parsed = parseAlternatives(cursor)
  return cursor.at === pattern.length ? parsed : undefined
}

function parseAlternatives(cursor: Cursor): BoundedPattern | undefined {
  let all = parseSequence(cursor)
  while (all !== undefined && cursor.pattern[cursor.at] === '|') {
    cursor.at++
    const next = parseSequence(cursor)
    all = next && either(all, next)
  }
  return all
}

function either(a: BoundedPattern, b: BoundedPattern): BoundedPattern {
  return {
    source: `${a.source}|${b.source}`,
    cost: a.cost + b.cost,
    ways: a.ways + b.ways,
    loops: a.loops + b.loops,
    endsInLoop: (a.loops === 0 || a.endsInLoop) && (b.loops === 0 || b.endsInLoop),
    isAnchored: a.isAnchored && b.isAnchored,
  }
}

function parseSequence(cursor: Cursor): BoundedPattern | undefined {
  let all: BoundedPattern = EMPTY
  while (cursor.at < cursor.pattern.length && !'|)'.includes(cursor.pattern[cursor.at] ?? '')) {
    const item = parseQuantified(cursor)
    if (item === undefined) return undefined
    all = then(all, item)
  }
  return all
}

function then(a: BoundedPattern, b: BoundedPattern): BoundedPattern {
  return {
    source: a.source + b.source,
    cost: a.cost + a.ways * b.cost,
    ways: a.ways * b.ways,
    loops: a.loops + b.loops,
    endsInLoop: a.loops === 0 && b.endsInLoop,
    isAnchored: a.isAnchored || (a.source === '' && b.isAnchored),
  }
}

function parseQuantified(cursor: Cursor): Item | undefined {
  const item = parseItem(cursor)
  if (item === undefined) return undefined
  QUANTIFIER.lastIndex = cursor.at
  const match = QUANTIFIER.exec(cursor.pattern)
  if (match === null) return item
  cursor.at = QUANTIFIER.lastIndex
  const follows = cursor.pattern[cursor.at] ?? ''
  if (item.isAssertion || item.loops > 0 || '+*?'.includes(follows || ' ')) return undefined
  return repeat(item, match[0], bounds(match))
}

function bounds(match: RegExpExecArray): [min: number, max: number] {
  const [whole, min, comma, max] = match
  if (whole.startsWith('?')) return [0, 1]
  if (whole.startsWith('*')) return [0, Number.POSITIVE_INFINITY]
  if (whole.startsWith('+')) return [1, Number.POSITIVE_INFINITY]
  const least = Number(min)
  if (comma === undefined) return [least, least]
  return [least, max === undefined ? Number.POSITIVE_INFINITY : Number(max)]
}

function repeat(item: Item, quantifier: string, [min, max]: [number, number]): Item | undefined {
  const source = item.source + quantifier
  const shared = { source, isAnchored: false, isSingle: false, isAssertion: false }
  if (max === Number.POSITIVE_INFINITY) {
    if (!item.isSingle) return undefined
    return { ...shared, cost: min + 1, ways: 1, loops: 1, endsInLoop: true }
  }
  const ways = (max - min + 1) * item.ways ** max
  return {
    ...shared,
    cost: item.cost * max * item.ways ** max + 1,
    ways,
    loops: 0,
    endsInLoop: false,
  }
}

function parseItem(cursor: Cursor): Item | undefined {
  const character = cursor.pattern[cursor.at] ?? ''
  if (character === '(') return parseGroup(cursor)
  if (character === '[') return single(cursor, parseClass(cursor.pattern, cursor.at))
  if (character === '\\') return parseEscapeItem(cursor)
  if (character === '^' || character === '$') {
    cursor.at++
    return assertion(character, character === '^')
  }
  if ('*+?'.includes(character)) return undefined
  if (character === '.') return single(cursor, ['[^\\n]', 1])
  return single(cursor, ['{}]'.includes(character) ? `\\${character}` : character, 1])
}

function parseEscapeItem(cursor: Cursor): Item | undefined {
  const letter = cursor.pattern[cursor.at + 1] ?? ''
  if (letter === 'b' || letter === 'B') {
    cursor.at += 2
    return assertion(`\\${letter}`, false)
  }
  return single(cursor, parseEscape(cursor.pattern, cursor.at, false))
}

function single(
  cursor: Cursor,
  found: [source: string, length: number] | undefined,
): Item | undefined {
  if (found === undefined) return undefined
  cursor.at += found[1]
  return { ...EMPTY, source: found[0], isSingle: true, isAssertion: false }
}

function assertion(source: string, isAnchored: boolean): Item {
  return { ...EMPTY, source, isAnchored, isSingle: false, isAssertion: true }
}

function parseGroup(cursor: Cursor): Item | undefined {
  GROUP.lastIndex = cursor.at
  const opening = GROUP.exec(cursor.pattern)?.[0] ?? '('
  cursor.at += opening.length
  if (cursor.pattern[cursor.at] === '?' || ++cursor.depth > MAX_DEPTH) return undefined
  const inner = parseAlternatives(cursor)
  if (inner === undefined || cursor.pattern[cursor.at] !== ')') return undefined
  cursor.at++
  cursor.depth--
  const isAssertion = /[=!]$/.test(opening)
  if (isAssertion && inner.loops > 0) return undefined
  const isNamed = opening.endsWith('>')
  const source = `${isNamed ? '(' : opening}${inner.source})`
  const isAnchored = inner.isAnchored && !isAssertion
  return { ...inner, source, isAnchored, isSingle: false, isAssertion }
}
