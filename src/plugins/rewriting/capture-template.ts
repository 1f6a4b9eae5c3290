import type { RequestContext } from '../../model/request-context.ts'
import type { RegexMatch } from '../../support/regex/regex.ts'
import { compileTemplate } from '../../support/variables/template.ts'

/** Makes a text for a request and what a pattern found in it. */
export type CaptureTemplate = (request: RequestContext, match: RegexMatch | undefined) => string

const CAPTURE = /(?<!\\)\$\{?(\d+)\}?/g

/**
 * Compiles a text in which `$1` and `${1}` stand for the groups of a match (empty without one), and
 * `$name` for variables. Unlike in APISIX, what a group matched is not searched for variables: the
 * client wrote it.
 */
export function compileCaptures(text: string): CaptureTemplate {
  const parts: CaptureTemplate[] = []
  let at = 0
  for (const found of text.matchAll(CAPTURE)) {
    if (found.index > at) parts.push(compileTemplate(text.slice(at, found.index)))
    const group = Number(found[1])
    parts.push((_request, match) => match?.[group] ?? '')
    at = found.index + found[0].length
  }
  if (at < text.length || parts.length === 0) parts.push(compileTemplate(text.slice(at)))
  const [first, ...rest] = parts
  if (first !== undefined && rest.length === 0) return first
  return (request, match) => {
    let result = ''
    for (const part of parts) result += part(request, match)
    return result
  }
}
