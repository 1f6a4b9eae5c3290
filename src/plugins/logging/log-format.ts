import { ConfigError } from '../../model/errors.ts'
import type { RequestContext } from '../../model/request-context.ts'
import { compileVariable } from '../../support/variables/variable.ts'

/** As in APISIX, which cuts off what is deeper. */
const MAX_DEPTH = 5

/** Bodies that an entry may show. */
export interface LoggedBodies {
  readonly request: string | undefined
  readonly response: string | undefined
}

/** Makes the fields of an entry. */
export type LogFormat = (request: RequestContext, bodies: LoggedBodies) => Record<string, unknown>

type Reader = (request: RequestContext, bodies: LoggedBodies) => unknown

/**
 * Compiles a `log_format`: texts that begin with `$` are variables, objects are formats of their own,
 * everything else stands as it is. A variable without value leaves its field out.
 * @throws ConfigError when it is nested too deep.
 */
export function compileLogFormat(format: Readonly<Record<string, unknown>>, depth = 1): LogFormat {
  if (depth > MAX_DEPTH) {
    const message = `log_format is nested more than ${MAX_DEPTH} deep`
    throw new ConfigError('GW_CONFIG_INVALID', message)
  }
  const fields = Object.entries(format).map(
    ([name, value]) => [name, compileField(value, depth)] as const,
  )
  return (request, bodies) => {
    const entry: Record<string, unknown> = Object.create(null)
    for (const [name, read] of fields) entry[name] = read(request, bodies)
    return entry
  }
}

/** True if a format shows the request's body. */
export function showsRequestBody(format: unknown): boolean {
  if (format === '$request_body') return true
  if (typeof format !== 'object' || format === null || Array.isArray(format)) return false
  return Object.values(format).some(showsRequestBody)
}

function compileField(value: unknown, depth: number): Reader {
  if (typeof value === 'string') {
    if (!value.startsWith('$')) return () => value
    const name = value.slice(1)
    if (name === 'request_body') return (_request, bodies) => bodies.request
    // The only variable that is a number, as in APISIX: those who read logs have it as one.
    if (name === 'status') return ({ status }) => (status === 0 ? undefined : status)
    return compileVariable(name)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return () => value
  return compileLogFormat(value as Record<string, unknown>, depth + 1)
}
