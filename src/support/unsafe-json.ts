/** Levels of nesting that a stored object may have; bounds the recursion of everything that walks it. */
const MAX_DEPTH = 64

/** Where and why a value cannot be stored. `path`: keys and array indexes from the root. */
export interface UnsafeJson {
  path: (string | number)[]
  problem: string
}

/**
 * Finds what JSON can say but Holdfast cannot keep unchanged: U+0000 and lone surrogates
 * (PostgreSQL's jsonb refuses them), numbers that lose digits, `__proto__` keys, excessive nesting,
 * and values that are no JSON at all. Undefined = the value is safe to copy, store and walk.
 */
export function findUnsafeJson(value: unknown): UnsafeJson | undefined {
  const path: (string | number)[] = []
  const problem = check(value, path)
  return problem === undefined ? undefined : { path, problem }
}

function check(value: unknown, path: (string | number)[]): string | undefined {
  switch (typeof value) {
    case 'string':
      return checkText(value)
    case 'number':
      return checkNumber(value)
    case 'boolean':
      return undefined
    case 'object':
      if (value === null) return undefined
      if (path.length >= MAX_DEPTH) return `nested deeper than ${MAX_DEPTH} levels`
      return Array.isArray(value) ? checkItems(value, path) : checkFields(value, path)
    default:
      return `expected JSON, got ${typeof value}`
  }
}

function checkItems(items: unknown[], path: (string | number)[]): string | undefined {
  for (let i = 0; i < items.length; i++) {
    path.push(i)
    const problem = check(items[i], path)
    if (problem !== undefined) return problem
    path.pop()
  }
  return undefined
}

function checkFields(object: object, path: (string | number)[]): string | undefined {
  for (const [key, field] of Object.entries(object)) {
    path.push(key)
    const problem = checkKey(key) ?? check(field, path)
    if (problem !== undefined) return problem
    path.pop()
  }
  return undefined
}

function checkKey(key: string): string | undefined {
  // Assigning to it replaces an object's prototype instead of adding a field.
  return key === '__proto__' ? 'a field of this name is not allowed' : checkText(key)
}

function checkText(text: string): string | undefined {
  if (text.includes('\0')) return 'U+0000 is not allowed in strings'
  return text.isWellFormed() ? undefined : 'lone surrogates are not allowed in strings'
}

function checkNumber(value: number): string | undefined {
  return Math.abs(value) <= Number.MAX_SAFE_INTEGER
    ? undefined
    : `numbers must be within ±${Number.MAX_SAFE_INTEGER}`
}

/** A deep copy; `value` has passed `findUnsafeJson`. */
export function copyJson<T>(value: T): T
export function copyJson(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) return value.map((item) => copyJson(item))
  const copy: Record<string, unknown> = {}
  for (const key of Object.keys(value))
    copy[key] = copyJson((value as Record<string, unknown>)[key])
  return copy
}
