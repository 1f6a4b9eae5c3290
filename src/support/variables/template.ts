import type { RequestContext } from '../../model/request-context.ts'
import { compileVariable, type VariableReader } from './variable.ts'

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
  const texts: string[] = []
  const readers: VariableReader[] = []
  let at = 0
  for (const match of text.matchAll(VARIABLE)) {
    texts.push(text.slice(at, match.index))
    readers.push(compileReference(match[1] ?? match[2] ?? '', encode))
    at = match.index + match[0].length
  }
  const [read] = readers
  if (read === undefined) return () => text
  const tail = text.slice(at)
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

function compileReference(reference: string, encode?: (value: string) => string): VariableReader {
  const [name = '', fallback] = reference.trim().split(/\s*\?\?\s*/)
  const read = compileVariable(name)
  if (encode === undefined && fallback === undefined) return read
  return (request) => {
    const value = read(request) ?? fallback
    return value === undefined || encode === undefined ? value : encode(value)
  }
}
