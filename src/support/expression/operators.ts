import { ConfigError } from '../../model/errors.ts'
import { compileIpSet } from '../ip-set.ts'
import { compileRegex } from '../regex/regex.ts'

/** Tells whether a variable's value fits; undefined = the request has none such. */
export type Test = (value: unknown) => boolean

type Ordering = (a: number, b: number) => boolean

/**
 * What each operator makes of its right side, with lua-resty-expr's rules: a number on the right
 * compares as numbers, all else must have the same type; an order compares numbers or is false.
 */
export const OPERATORS: ReadonlyMap<string, (right: unknown) => Test> = new Map([
  ['==', equals],
  ['~=', (right) => negated(equals(right))],
  ['>', ordering((a, b) => a > b)],
  ['>=', ordering((a, b) => a >= b)],
  ['<', ordering((a, b) => a < b)],
  ['<=', ordering((a, b) => a <= b)],
  ['~~', (right) => matches(right, '')],
  ['~*', (right) => matches(right, 'i')],
  ['in', isIn],
  ['has', has],
  ['ipmatch', ipMatch],
])

export function negated(test: Test): Test {
  return (value) => !test(value)
}

function equals(right: unknown): Test {
  if (typeof right === 'number') return (value) => toNumber(value) === right
  if (right === null || right === undefined) return (value) => value === undefined || value === null
  // Lua compares tables by identity: no value of a request is the one in the configuration.
  if (typeof right === 'object') return () => false
  return (value) => value === right
}

function ordering(fits: Ordering): (right: unknown) => Test {
  return (right) => {
    const bound = toNumber(right)
    if (bound === undefined) return () => false
    return (value) => {
      const number = toNumber(value)
      return number !== undefined && fits(number, bound)
    }
  }
}

function matches(right: unknown, flags: string): Test {
  if (typeof right !== 'string' && typeof right !== 'number') {
    throw new ConfigError(
      'GW_CONFIG_INVALID',
      'the right side of ~~ and ~* is a regular expression',
    )
  }
  const regex = compileRegex(String(right), flags)
  return (value) => {
    if (typeof value === 'string') return regex.test(value)
    // Lua's false is not there; a list is no text.
    if (typeof value === 'number' || value === true) return regex.test(String(value))
    return false
  }
}

function isIn(right: unknown): Test {
  if (!Array.isArray(right)) return () => false
  const members = new Set<unknown>(right)
  return (value) => value !== undefined && members.has(value)
}

function has(right: unknown): Test {
  return (value) => Array.isArray(value) && value.includes(right)
}

function ipMatch(right: unknown): Test {
  const entries = Array.isArray(right) ? right : [right]
  if (entries.length === 0 || !entries.every((entry) => typeof entry === 'string')) {
    throw new ConfigError(
      'GW_CONFIG_INVALID',
      'the right side of ipmatch is an address, a CIDR or a list of them',
    )
  }
  const set = compileIpSet(entries)
  return (value) => typeof value === 'string' && set(value)
}

/** Lua's `tonumber`, but for binary, octal and infinite numbers, which no value of a request is. */
function toNumber(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value !== 'string' || value.length > 64 || !/\d/.test(value)) return undefined
  const number = Number(value)
  return Number.isFinite(number) ? number : undefined
}
