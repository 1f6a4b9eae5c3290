import type { ErrorObject } from 'ajv'

const MAX_SHOWN = 100
const MAX_SHOWN_LEVELS = 10

/**
 * Words the failure of an Ajv validator the way APISIX does, outermost field first. Quotes field
 * names and numbers, but no string of the object: it may be a secret.
 */
export function describeFailure(body: unknown, errors: ErrorObject[]): string {
  const error = decisive(errors)
  if (!error) return 'not valid'
  return describeAt(body, pointerPath(error.instancePath), describe(error))
}

/** A problem with the field that `path` leads to. */
export function describeAt(body: unknown, path: (string | number)[], problem: string): string {
  let text = ''
  let at = body
  // What is nested deeper than any schema of ours needs no exact address.
  for (const key of path.slice(0, MAX_SHOWN_LEVELS)) {
    text += Array.isArray(at)
      ? `failed to validate item ${Number(key) + 1}: `
      : `property "${shorten(String(key))}" validation failed: `
    at = (at as Record<string | number, unknown> | undefined)?.[key]
  }
  return text + problem
}

/** A name fit for a message. */
export function shorten(name: string): string {
  return name.length > MAX_SHOWN ? `${name.slice(0, MAX_SHOWN)}…` : name
}

/** Ajv appends the verdict of a combination after those of its branches; `if` only points back at one. */
function decisive(errors: ErrorObject[]): ErrorObject | undefined {
  return errors.findLast((error) => error.keyword !== 'if')
}

function pointerPath(pointer: string): string[] {
  if (pointer === '') return []
  return pointer
    .slice(1)
    .split('/')
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function describe(error: ErrorObject): string {
  const problem = DESCRIPTIONS[error.keyword]?.(error) ?? error.message ?? 'not valid'
  const expected = error.parentSchema?.['expected']
  return typeof expected === 'string' ? `${problem}: expected ${expected}` : problem
}

const DESCRIPTIONS: Record<string, (error: ErrorObject) => string> = {
  type: ({ params, data }) => `wrong type: expected ${params['type']}, got ${typeName(data)}`,
  required: ({ params }) => `property "${params['missingProperty']}" is required`,
  additionalProperties: ({ params }) =>
    `additional properties forbidden, found ${shorten(params['additionalProperty'])}`,
  enum: ({ params }) =>
    `matches none of the enum values: expected one of ${params['allowedValues'].join(', ')}`,
  minLength: ({ params, data }) =>
    `string too short, expected at least ${params['limit']}, got ${(data as string).length}`,
  maxLength: ({ params, data }) =>
    `string too long, expected at most ${params['limit']}, got ${(data as string).length}`,
  pattern: ({ params }) => `failed to match pattern "${params['pattern']}"`,
  format: ({ params }) => `not a valid ${params['format']}`,
  minimum: ({ params, data }) => `expected ${data} to be at least ${params['limit']}`,
  exclusiveMinimum: ({ params, data }) => `expected ${data} to be greater than ${params['limit']}`,
  maximum: ({ params, data }) => `expected ${data} to be at most ${params['limit']}`,
  minItems: ({ params }) => `expect array to have at least ${params['limit']} items`,
  minProperties: ({ params }) => `expect object to have at least ${params['limit']} properties`,
  maxProperties: ({ params }) => `expect object to have at most ${params['limit']} properties`,
  dependencies: ({ params }) =>
    `property "${params['missingProperty']}" is required with "${params['property']}"`,
  maxItems: ({ params }) => `expect array to have at most ${params['limit']} items`,
  uniqueItems: ({ params }) =>
    `expected unique items but items ${Math.min(params['i'], params['j']) + 1} and ${Math.max(params['i'], params['j']) + 1} are equal`,
  anyOf: () => 'object matches none of the required',
}

function typeName(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}
