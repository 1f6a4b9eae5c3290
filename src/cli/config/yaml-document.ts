import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml'
import type { DocumentPath, ParsedText, Position, TextProblem } from './source-document.ts'

const MAX_ALIASES = 1000
const MAX_PROBLEMS = 20

/** The library's words quote the text, which may hold secrets. */
const PROBLEMS: Readonly<Record<string, string>> = {
  ALIAS_PROPS: 'an alias can have no anchor or tag',
  BAD_ALIAS: 'it refers to an anchor that is not there',
  BAD_INDENT: 'the indentation is wrong',
  BAD_SCALAR_START: 'a value can not start with this character: put it in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'a key and its value are on one line with another key: indent them',
  DUPLICATE_KEY: 'the key is there twice',
  MISSING_CHAR: 'a character is missing: a closing quote or bracket, or a space',
  MULTIPLE_DOCS: 'there is a second document behind "---"',
  TAB_AS_INDENT: 'the indentation has tabs: use spaces',
  UNEXPECTED_TOKEN: 'this was not expected here',
}

/** Reads a YAML text. */
export function parseYamlDocument(text: string): ParsedText {
  const lines = new LineCounter()
  const document = parseDocument(text, { merge: true, prettyErrors: false, lineCounter: lines })
  if (document.errors.length > 0) {
    const problems = document.errors.slice(0, MAX_PROBLEMS).map(({ code, pos: [offset] }) => {
      const message = PROBLEMS[code] ?? code.toLowerCase().replaceAll('_', ' ')
      return { ...positionOf(lines, offset), message: `it is not valid YAML: ${message}` }
    })
    return { ok: false, problems }
  }
  try {
    const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES })
    const locate = (path: DocumentPath) => positionOf(lines, findOffset(document, path))
    return { ok: true, document: { value, locate } }
  } catch {
    return { ok: false, problems: [aliasProblem()] }
  }
}

function aliasProblem(): TextProblem {
  return { line: 1, column: 1, message: `more than ${MAX_ALIASES} values come from aliases` }
}

function positionOf(lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset)
  return { line: Math.max(line, 1), column: Math.max(col, 1) }
}

/** A part of the document, and where it begins. */
interface Found {
  node: unknown
  offset: number
}

function findOffset(document: Document, path: DocumentPath): number {
  let found: Found = { node: document.contents, offset: startOf(document.contents) ?? 0 }
  for (const key of path) {
    const next = memberOf(document, found.node, key)
    if (next === undefined) break
    found = { node: next.node, offset: next.offset }
  }
  return found.offset
}

function memberOf(document: Document, given: unknown, key: string | number): Found | undefined {
  const node = isAlias(given) ? given.resolve(document) : given
  if (isSeq(node)) {
    const item = node.items[Number(key)]
    const offset = startOf(item)
    return offset === undefined ? undefined : { node: item, offset }
  }
  if (!isMap(node)) return undefined
  for (const pair of node.items) {
    if (nameOf(pair.key) === String(key)) {
      return { node: pair.value, offset: startOf(pair.key) ?? startOf(pair.value) ?? 0 }
    }
  }
  for (const pair of node.items) {
    const merged = nameOf(pair.key) === '<<' ? memberOfMerged(document, pair.value, key) : undefined
    if (merged !== undefined) return merged
  }
  return undefined
}

/** `<<` takes in one map, or several. */
function memberOfMerged(
  document: Document,
  given: unknown,
  key: string | number,
): Found | undefined {
  const node = isAlias(given) ? given.resolve(document) : given
  if (!isSeq(node)) return memberOf(document, node, key)
  for (const item of node.items) {
    const found = memberOf(document, item, key)
    if (found !== undefined) return found
  }
  return undefined
}

function nameOf(key: unknown): string {
  if (!isScalar(key)) return ''
  // The library's own mark of a merge.
  return typeof key.value === 'symbol' ? (key.value.description ?? '') : String(key.value)
}

function startOf(node: unknown): number | undefined {
  return (node as { range?: [number, number, number] | null } | null | undefined)?.range?.[0]
}
