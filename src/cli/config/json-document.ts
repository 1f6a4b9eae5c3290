import { createJsonPlaces } from './json-places.ts'
import { JsonSyntaxError, walkJson } from './json-walk.ts'
import {
  createPositions,
  type ParsedText,
  type Position,
  type TextProblem,
} from './source-document.ts'

const MAX_DUPLICATES = 20

/** Reads a JSON text. Positions are looked for when asked: most documents are never asked. */
export function parseJsonDocument(text: string): ParsedText {
  const positionOf = createPositions(text)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { ok: false, problems: [findSyntaxError(text, positionOf)] }
  }
  const problems = findDuplicateKeys(text, positionOf)
  if (problems.length > 0) return { ok: false, problems }
  const placeOf = createJsonPlaces(text)
  return { ok: true, document: { value, locate: (path) => positionOf(placeOf(path)) } }
}

type PositionOf = (offset: number) => Position

function findSyntaxError(text: string, positionOf: PositionOf): TextProblem {
  try {
    walkJson(text, { enter() {}, open() {} })
  } catch (error) {
    if (error instanceof JsonSyntaxError)
      return { ...positionOf(error.offset), message: error.message }
  }
  return { ...positionOf(0), message: 'it is not valid JSON' }
}

/** JSON.parse takes the last of several: what the first said would be lost in silence. */
function findDuplicateKeys(text: string, positionOf: PositionOf): TextProblem[] {
  const problems: TextProblem[] = []
  const known: Map<string, number>[] = []
  const visitor = {
    open(depth: number) {
      known[depth] = new Map()
    },
    enter(depth: number, key: string | number, offset: number) {
      if (typeof key === 'number' || problems.length >= MAX_DUPLICATES) return
      const first = known[depth]?.get(key)
      if (first === undefined) known[depth]?.set(key, offset)
      else {
        const { line } = positionOf(first)
        const message = `the key ${JSON.stringify(key)} is in line ${line} too`
        problems.push({ ...positionOf(offset), message })
      }
    },
  }
  try {
    walkJson(text, visitor)
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error
    problems.push({ ...positionOf(error.offset), message: error.message })
  }
  return problems
}
