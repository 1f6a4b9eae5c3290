import type { RequestContext } from '../../model/request-context.ts'
import { compileVariable, needsBody, type VariableReader } from './variable.ts'

/** Makes a text for a request. */
export type Template = (request: RequestContext) => string

/** `$name`, `${name}` and `${name ?? default}`, unless a backslash stands before it. */
const VARIABLE = /(?<!\\)\$(?:\{([^}]{1,256})\}|([\w.]+))/g

/**
 * Compiles a text with variables as APISIX resolves it: `$name` (letters, digits, `_` and `.`),
 * `${name}` or `${name ?? default}`; a variable without value is an empty text. `\$` is left as it
 * stands, backslash included. `encode` is applied to each value, not to the text around it.
 */
export function compileTemplate(text: string, encode?: (value: string) => string): Template {
  const { texts, readers, tail } = parse(text, encode)
  const [read] = readers
  if (read === undefined) return () => text
  if (readers.length === 1) {
    const head = texts[0] ?? ''
    return (request) => head + (read(request) ?? '') + tail
  }
  return (request) => {
    let result = ''
    for (let i = 0; i < readers.length; i++) {
      result += texts[i]
      result += readers[i]?.(request) ?? ''
    }
    return result + tail
  }
}

/** Like `compileTemplate`, but undefined for a request that has a value for none of the variables. */
export function compileKeyTemplate(text: string): VariableReader {
  const { texts, readers, tail } = parse(text)
  return (request) => {
    let result = ''
    let resolved = false
    for (let i = 0; i < readers.length; i++) {
      const value = readers[i]?.(request)
      resolved ||= value !== undefined
      result += texts[i]
      result += value ?? ''
    }
    return resolved ? result + tail : undefined
  }
}

/** True if a text, or one in a list or object, has a variable that looks into the request's body. */
export function textsNeedBody(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.values(value).some(textsNeedBody)
  if (typeof value !== 'string') return false
  return [...value.matchAll(VARIABLE)].some((match) => needsBody(variableOf(match)[0]))
}

interface Parsed {
  /** What stands before each variable. */
  readonly texts: readonly string[]
  readonly readers: readonly VariableReader[]
  readonly tail: string
}

function parse(text: string, encode?: (value: string) => string): Parsed {
  const texts: string[] = []
  const readers: VariableReader[] = []
  let at = 0
  for (const match of text.matchAll(VARIABLE)) {
    texts.push(text.slice(at, match.index))
    readers.push(compileReference(match, encode))
    at = match.index + match[0].length
  }
  return { texts, readers, tail: text.slice(at) }
}

/** Name and default of a variable that `VARIABLE` found. */
function variableOf(match: RegExpExecArray): [name: string, fallback: string | undefined] {
  const reference = match[1] ?? match[2] ?? ''
  const [name = '', fallback] = reference.trim().split(/\s*\?\?\s*/)
  return [name, fallback]
}

function compileReference(
  match: RegExpExecArray,
  encode?: (value: string) => string,
): VariableReader {
  const [name, fallback] = variableOf(match)
  const read = compileVariable(name)
  if (encode === undefined && fallback === undefined) return read
  return (request) => {
    const value = read(request) ?? fallback
    return value === undefined || encode === undefined ? value : encode(value)
  }
}
