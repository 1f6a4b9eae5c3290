import { ConfigError } from '../../model/errors.ts'
import type { RequestContext } from '../../model/request-context.ts'
import { compileTemplate } from '../../support/variables/template.ts'

/** Makes a value of a schema; undefined = there is none. */
export type Generator = (request: RequestContext) => unknown

interface ExampleSchema {
  type?: unknown
  example?: unknown
  properties?: unknown
  items?: unknown
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyz'
const MAX_LETTERS = 10
const MAX_ITEMS = 3
const MAX_NUMBER = 10_000
/** Deeper schemas are somebody's mistake. */
const MAX_DEPTH = 32

const SCALARS: Readonly<Record<string, (example: unknown) => Generator>> = {
  string: (example) => (typeof example === 'string' ? compileTemplate(example) : randomText),
  number: (example) =>
    typeof example === 'number' ? () => example : () => Math.random() * MAX_NUMBER,
  integer: (example) =>
    typeof example === 'number' ? () => Math.floor(example) : () => randomInteger(MAX_NUMBER),
  boolean: (example) => (typeof example === 'boolean' ? () => example : () => Math.random() < 0.5),
}

/**
 * Compiles the object that a JSON schema describes: examples where it has them (with variables), else
 * random values. @throws ConfigError for a property without a type that we can make.
 */
export function compileObject(schema: unknown, depth = 0): Generator {
  const properties = Object.entries(
    asSchema(asSchema(schema, 'schema').properties ?? {}, 'properties'),
  )
  const generators = properties.map(
    ([name, property]) => [name, compileValue(name, property, depth + 1)] as const,
  )
  return (request) => {
    const result: [string, unknown][] = []
    for (const [name, generate] of generators) {
      const value = generate(request)
      if (value !== undefined) result.push([name, value])
    }
    return Object.fromEntries(result)
  }
}

function compileValue(name: string, schema: unknown, depth: number): Generator {
  if (depth > MAX_DEPTH) throw refusal(`response_schema is nested deeper than ${MAX_DEPTH}`)
  const { type, example, items } = asSchema(schema, name)
  const lowered = typeof type === 'string' ? type.toLowerCase() : ''
  if (lowered === 'object') return compileObject(schema, depth)
  if (lowered === 'array') return compileArray(name, items, depth)
  const scalar = Object.hasOwn(SCALARS, lowered) ? SCALARS[lowered] : undefined
  if (scalar === undefined) {
    throw refusal(
      `response_schema: "${name}" needs a type: string, number, integer, boolean, object or array`,
    )
  }
  return scalar(example)
}

function compileArray(name: string, items: unknown, depth: number): Generator {
  if (items === undefined) return () => undefined
  const generate = compileValue(name, items, depth + 1)
  return (request) => Array.from({ length: randomInteger(MAX_ITEMS) }, () => generate(request))
}

function asSchema(value: unknown, name: string): ExampleSchema {
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value
  throw refusal(`response_schema: "${name}" must be an object`)
}

function randomText(): string {
  const letters = Array.from({ length: randomInteger(MAX_LETTERS) }, () =>
    LETTERS.charAt(randomInteger(LETTERS.length) - 1),
  )
  return letters.join('')
}

/** From 1 to `max`. */
function randomInteger(max: number): number {
  return Math.ceil((1 - Math.random()) * max)
}

function refusal(message: string): ConfigError {
  return new ConfigError('GW_CONFIG_INVALID', message)
}
