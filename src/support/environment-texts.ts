import { ConfigError } from '../model/errors.ts'
import { variableOf } from './environment-references.ts'

/** `${{NAME}}` or `${{NAME:=default}}`, as in APISIX's standalone files. */
const VARIABLE = /\$\{\{\s*(\w+)(?:\s*:=(.*?))?\s*\}\}/g

/**
 * Puts the values of environment variables in place of `${{NAME}}`.
 * @throws ConfigError naming the variable that is not set and has no default.
 */
export function fillInText(text: string, environment: NodeJS.ProcessEnv): string {
  return text.replace(VARIABLE, (_, name: string, fallback?: string) => {
    const value = variableOf(environment, name) ?? fallback?.trim()
    if (value !== undefined) return value
    throw new ConfigError('GW_CONFIG_INVALID', `the environment variable ${name} is not set`)
  })
}

/** The first variable that would be an error, and where it stands. */
export function findUnset(
  text: string,
  environment: NodeJS.ProcessEnv,
): { name: string; offset: number } | undefined {
  for (const { 1: name = '', 2: fallback, index: offset } of text.matchAll(VARIABLE)) {
    if (variableOf(environment, name) === undefined && fallback === undefined) {
      return { name, offset }
    }
  }
  return undefined
}

/**
 * The same in all texts and names of fields of a JSON value. A text that had a variable and now is a
 * number, `true` or `false` becomes that.
 */
export function fillInValue(value: unknown, environment: NodeJS.ProcessEnv): unknown {
  if (typeof value === 'string') return fillInScalar(value, environment)
  if (Array.isArray(value)) return value.map((item) => fillInValue(item, environment))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [
      fillInText(name, environment),
      fillInValue(field, environment),
    ]),
  )
}

function fillInScalar(text: string, environment: NodeJS.ProcessEnv): unknown {
  const filled = fillInText(text, environment)
  if (filled === text) return text
  if (filled === 'true' || filled === 'false') return filled === 'true'
  return filled.trim() !== '' && Number.isFinite(Number(filled)) ? Number(filled) : filled
}
