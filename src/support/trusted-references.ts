import type { ErrorObject } from 'ajv'
import { isSecretReference } from '../model/secret-reference.ts'

/** True when a reference to a secret stands somewhere in the value. */
export function hasReference(value: unknown): boolean {
  if (value === null || typeof value !== 'object') return isSecretReference(value)
  return Object.values(value).some(hasReference)
}

/**
 * The failures that are left when every reference is taken for the text it stands for: nobody knows
 * yet how long that is, or whether it fits a pattern. `errors` are all that the validator found.
 */
export function withoutReferences(errors: readonly ErrorObject[]): ErrorObject[] {
  let left = errors.filter((error) => !isTrusted(error))
  // Ajv tells of a combination after its branches, of inner ones before outer ones.
  for (const combination of left.filter(({ keyword }) => COMBINATIONS.has(keyword))) {
    const failed = left.filter((error) => isBelow(error, combination))
    const branches = new Set(failed.map((error) => branchOf(error, combination)))
    if (branches.size >= branchesOf(combination)) continue
    left = left.filter((error) => error !== combination && !failed.includes(error))
  }
  return left
}

const COMBINATIONS = new Set(['anyOf', 'oneOf', 'if'])

/** The verdict on a reference, where text is wanted. */
function isTrusted({ keyword, data, parentSchema }: ErrorObject): boolean {
  if (!isSecretReference(data) || COMBINATIONS.has(keyword)) return false
  const type: unknown = parentSchema?.['type']
  return type === undefined || type === 'string' || (Array.isArray(type) && type.includes('string'))
}

function isBelow(error: ErrorObject, { keyword, schemaPath, instancePath }: ErrorObject): boolean {
  if (!error.instancePath.startsWith(instancePath)) return false
  if (keyword !== 'if') return error.schemaPath.startsWith(`${schemaPath}/`)
  const parent = schemaPath.slice(0, -'if'.length)
  return ['then/', 'else/'].some((branch) => error.schemaPath.startsWith(parent + branch))
}

function branchOf({ schemaPath }: ErrorObject, combination: ErrorObject): string | undefined {
  return schemaPath.slice(combination.schemaPath.length + 1).split('/', 1)[0]
}

/** How many branches must fail for the combination to fail; more than one match of `oneOf` stays one. */
function branchesOf({ keyword, schema, params }: ErrorObject): number {
  if (keyword === 'if') return 1
  return params['passingSchemas'] === undefined || params['passingSchemas'] === null
    ? (schema as unknown[]).length
    : 0
}
