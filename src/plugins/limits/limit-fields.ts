import { Type } from '../../model/schema-builder.ts'
import type { KeyType } from './limit-key.ts'

/** Attributes that all limits have. */
export const LIMIT_FIELDS = {
  rejected_code: Type.Integer({
    minimum: 200,
    maximum: 599,
    default: 503,
    description: 'Status for requests over the limit.',
  }),
  rejected_msg: Type.Optional(
    Type.String({ minLength: 1, description: '`error_msg` for requests over the limit.' }),
  ),
  allow_degradation: Type.Boolean({
    default: false,
    description: 'Let requests pass while the counters can not be reached.',
  }),
}

/** A whole number from `minimum` on, or a text with variables that gives one. */
export function limitNumber(minimum: number, description: string) {
  return Type.Union([Type.Integer({ minimum }), Type.String()], { description })
}

/** The ways that a plugin can read its `key`. */
export function keyTypeField<const K extends KeyType>(types: readonly K[]) {
  return Type.Union(
    types.map((type) => Type.Literal(type)),
    { default: 'var', description: 'How `key` is to be read.' },
  )
}

/** The policies that a plugin knows. */
export function policyField<const P extends string>(policies: readonly P[]) {
  return Type.Union(
    policies.map((policy) => Type.Literal(policy)),
    { default: 'local', description: 'Where requests are counted: in this instance, or in Redis.' },
  )
}
