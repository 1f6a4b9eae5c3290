import { ConfigError } from '../../model/errors.ts'
import { compileTemplate } from '../../support/variables/template.ts'
import type { RequestContext } from '../contract.ts'

/** Reads a number of a limit; undefined = what the variables give is none that may be. */
export type LimitNumber = (request: RequestContext) => number | undefined

/**
 * Compiles a whole number, or a text with variables that gives one for each request.
 * @throws ConfigError for a text without variables that is no such number.
 */
export function compileLimitNumber(
  name: string,
  value: number | string,
  minimum: number,
): LimitNumber {
  if (typeof value === 'number') return () => value
  const read = compileTemplate(value)
  const resolve: LimitNumber = (request) => {
    const text = read(request).trim()
    const number = text === '' ? Number.NaN : Number(text)
    return Number.isSafeInteger(number) && number >= minimum ? number : undefined
  }
  if (value.includes('$')) return resolve
  const fixed = value.trim() === '' ? Number.NaN : Number(value)
  if (Number.isSafeInteger(fixed) && fixed >= minimum) return () => fixed
  throw new ConfigError(
    'GW_CONFIG_INVALID',
    `${name} must be a whole number of at least ${minimum}, or a text with variables`,
  )
}
