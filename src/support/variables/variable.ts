import type { RequestContext } from '../../model/request-context.ts'
import { formArgument, jsonArgument } from './body-variables.ts'
import { graphqlFacts } from './graphql-variables.ts'
import { argument, cookie, nodeField, requestField, sentField } from './named-variables.ts'
import { REQUEST_VARIABLES } from './request-variables.ts'

/** Reads a variable of a request; undefined = it has none such. */
export type VariableReader = (request: RequestContext) => string | undefined

/** Like VariableReader, but a value from a JSON body keeps its type, and lists stay lists. */
export type ValueReader = (request: RequestContext) => unknown

/** Families of variables by the start of their names; the longest start that fits decides. */
const FAMILIES: readonly [prefix: string, compile: (rest: string) => ValueReader][] = [
  ['arg_', argument],
  ['cookie_', cookie],
  ['http_', requestField],
  ['sent_http_', sentField],
  ['upstream_http_', nodeField],
  ['post_arg_', formArgument],
  ['post_arg.', jsonArgument],
  ['graphql_', graphqlFacts],
]

/** Starts of the names of variables whose value is in the body. */
const BODY_PREFIXES = ['post_arg_', 'post_arg.', 'graphql_']

/**
 * The reader of a variable by its nginx or APISIX name (docs/variables.md lists them). Resolved once,
 * when the configuration is compiled. A name that is not built in is one that a plugin may set.
 * @throws ConfigError for a path into the body that can't be one.
 */
export function compileVariable(name: string): VariableReader {
  const known = REQUEST_VARIABLES.get(name)
  if (known !== undefined) return known
  const read = compileValue(name)
  return (request) => textOf(read(request))
}

/** Like `compileVariable`, for conditions, which tell numbers and lists from text. */
export function compileValue(name: string): ValueReader {
  const known = REQUEST_VARIABLES.get(name)
  if (known !== undefined) return known
  const family = FAMILIES.find(([prefix]) => name.startsWith(prefix))
  if (family === undefined) return (request) => request.getVariable(name)
  const [prefix, compile] = family
  return compile(name.slice(prefix.length))
}

/** True for a variable whose value is known only once the body has been read. */
export function needsBody(name: string): boolean {
  return name === 'request_body' || BODY_PREFIXES.some((prefix) => name.startsWith(prefix))
}

/** The text that templates and logs show of a value. */
function textOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value === 'string') return value
  if (typeof value !== 'object') return String(value)
  try {
    return JSON.stringify(value)
  } catch {
    // Nested deeper than the stack: a client's doing.
    return undefined
  }
}
