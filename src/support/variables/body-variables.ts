import type { RequestContext } from '../../model/request-context.ts'
import { fieldValue } from '../header-fields.ts'
import { compileJsonPath } from './json-path.ts'
import { multipartFields } from './multipart-fields.ts'

/** What was made of a body; as long as the body lives, however many conditions ask. */
const parsedBodies = new WeakMap<Buffer, unknown>()

/** `post_arg_x`: first argument of that name in a form body. */
export function formArgument(name: string): (request: RequestContext) => string | undefined {
  return (request) => {
    const type = fieldValue(request.headers, 'content-type')
    if (type === undefined || !isForm(type)) return undefined
    const form = parsedBody(request)
    return form instanceof Map ? first(form.get(name)) : undefined
  }
}

/** `post_arg.a.b`: a value in a JSON, form or multipart body, by its path. */
export function jsonArgument(path: string): (request: RequestContext) => unknown {
  const select = compileJsonPath(path)
  return (request) => {
    const body = parsedBody(request)
    return body instanceof Map ? first(body.get(path)) : select(body)
  }
}

function parsedBody(request: RequestContext): unknown {
  const { bodyBytes } = request
  if (bodyBytes === undefined) return undefined
  if (parsedBodies.has(bodyBytes)) return parsedBodies.get(bodyBytes)
  const type = fieldValue(request.headers, 'content-type') ?? ''
  const parsed = parse(bodyBytes, type)
  parsedBodies.set(bodyBytes, parsed)
  return parsed
}

/** JSON as it is, forms as a map; undefined for what can't be read. */
function parse(body: Buffer, type: string): unknown {
  if (/application\/json/i.test(type)) return parseJson(body.toString())
  if (isForm(type)) return groupByName(new URLSearchParams(body.toString()))
  if (/^multipart\/form-data/i.test(type)) return groupByName(multipartFields(body, type))
  return undefined
}

/** The value of a text, undefined if it is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isForm(type: string): boolean {
  return /^application\/x-www-form-urlencoded/i.test(type)
}

function groupByName(entries: Iterable<[string, string]>): Map<string, string[]> {
  const groups = new Map<string, string[]>()
  for (const [name, value] of entries) {
    const values = groups.get(name)
    if (values === undefined) groups.set(name, [value])
    else values.push(value)
  }
  return groups
}

function first(values: string[] | undefined): string | undefined {
  return values?.[0]
}
