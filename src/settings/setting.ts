import type { KeywordDefinition } from 'ajv'
import type { DataValidateFunction } from 'ajv/dist/types/index.js'
import { Type } from '../model/schema-builder.ts'

/** What a setting accepts and how its text becomes a value. */
export interface SettingRule<T> {
  /** Completes the sentence "allowed: …" of an error. */
  allowed: string
  /** As it would be written in the file; undefined = none. */
  default?: string
  /** The value never appears in a message. */
  secret?: boolean
  /** Throws an Error that says what is wrong, without repeating the value. */
  decode(text: string): T
}

/**
 * A TypeBox schema for env-schema: a string, decoded by the `setting` keyword (load-settings.ts).
 * Not JSON Schema's own `integer`: Ajv's coercion takes "1e3", "0x10" and " 7 " for integers.
 */
export function setting<T>(rule: SettingRule<T>) {
  return Type.Unsafe<T>({
    type: 'string',
    setting: rule,
    ...(rule.default === undefined ? {} : { default: rule.default }),
  })
}

/** A whole number in decimal digits. */
export function integer(range: { default: number; min: number; max: number; unit?: string }) {
  const { min, max, unit } = range
  const allowed = `${unit === undefined ? 'an integer' : `whole ${unit}`} from ${min} to ${max}`
  return setting({
    allowed,
    default: `${range.default}`,
    decode: (text) => toInteger(text, min, max),
  })
}

/** Decodes a decimal integer within bounds; throws an Error saying which of both it is not. */
export function toInteger(text: string, min: number, max: number): number {
  if (!/^-?\d{1,16}$/.test(text)) throw new Error('not an integer')
  const value = Number(text)
  if (value < min) throw new Error('too small')
  if (value > max) throw new Error('too large')
  return value
}

/** One of a closed list of words. */
export function choice<const T extends string>(words: readonly T[], fallback: NoInfer<T>) {
  return setting({
    allowed: words.join(', '),
    default: fallback,
    decode(text) {
      const word = words.find((candidate) => candidate === text)
      if (word === undefined) throw new Error('not one of the words allowed')
      return word
    },
  })
}

/** Ajv keyword that replaces the text of a setting by its decoded value. */
export const SETTING_KEYWORD: KeywordDefinition = {
  keyword: 'setting',
  type: 'string',
  modifying: true,
  errors: true,
  compile: (rule: SettingRule<unknown>) => {
    const decodeInPlace: DataValidateFunction = (text: string, context) => {
      if (context === undefined) return true
      try {
        context.parentData[context.parentDataProperty] = rule.decode(text)
        return true
      } catch (error) {
        decodeInPlace.errors = [{ keyword: 'setting', message: (error as Error).message }]
        return false
      }
    }
    return decodeInPlace
  },
}
