import { JsonSyntaxError, walkJson } from './json-walk.ts'
import {
  type DocumentPath,
  type ParsedText,
  positionAt,
  type TextProblem,
} from './source-document.ts'

const MAX_DUPLICATES = 20

/** Reads a JSON text. Positions are looked for when asked: most documents are never asked. */
export function parseJsonDocument(text: string): ParsedText {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { ok: false, problems: [findSyntaxError(text)] }
  }
  const problems = findDuplicateKeys(text)
  if (problems.length > 0) return { ok: false, problems }
  const locate = (path: DocumentPath) => positionAt(text, findOffset(text, path))
  return { ok: true, document: { value, locate } }
}

function findSyntaxError(text: string): TextProblem {
  try {
    walkJson(text, { enter() {}, open() {} })
  } catch (error) {
    if (error instanceof JsonSyntaxError) return problemAt(text, error.offset, error.message)
  }
  return problemAt(text, 0, 'it is not valid JSON')
}

function problemAt(text: string, offset: number, message: string): TextProblem {
  return { ...positionAt(text, offset), message }
}

/** JSON.parse takes the last of several: what the first said would be lost in silence. */
function findDuplicateKeys(text: string): TextProblem[] {
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
        const { line } = positionAt(text, first)
        problems.push(
          problemAt(text, offset, `the key ${JSON.stringify(key)} is in line ${line} too`),
        )
      }
    },
  }
  try {
    walkJson(text, visitor)
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error
    problems.push(problemAt(text, error.offset, error.message))
  }
  return problems
}

const FOUND = Symbol('found')

function findOffset(text: string, path: DocumentPath): number {
  let offset = 0
  let matched = 0
  try {
    walkJson(text, {
      open() {},
      enter(depth, key, at) {
        // A sibling of what was matched: what is looked for is not in there.
        if (depth < matched) throw FOUND
        if (depth > matched || key !== path[depth]) return
        offset = at
        matched++
        if (matched === path.length) throw FOUND
      },
    })
  } catch (reason) {
    if (reason !== FOUND) throw reason
  }
  return offset
}
