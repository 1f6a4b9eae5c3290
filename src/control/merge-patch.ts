type Fields = Record<string, unknown>

/**
 * Applies a JSON merge patch (RFC 7396): objects are merged, null removes a field, everything else
 * replaces. Changes neither argument.
 */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch
  const merged: Fields = isObject(target) ? { ...target } : {}
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key]
    // defineProperty semantics for `__proto__`: it must stay visible, so that validation refuses it.
    else set(merged, key, mergePatch(merged[key], value))
  }
  return merged
}

/** The changed object, or the first part of the path that cannot be followed. */
export type Replaced = { ok: true; value: Fields } | { ok: false; path: string }

/**
 * Replaces what `path` leads to (null removes it), making the objects on the way. Paths lead
 * through objects only. Changes neither argument.
 */
export function replaceAt(target: Fields, path: string[], value: unknown): Replaced {
  const result = { ...target }
  let at: Fields = result
  for (const [i, key] of path.slice(0, -1).entries()) {
    const next = Object.hasOwn(at, key) ? at[key] : {}
    if (!isObject(next) || key === '__proto__') return unreachable(path.slice(0, i + 1))
    const copy = { ...next }
    at[key] = copy
    at = copy
  }
  const last = path.at(-1) ?? ''
  // Assigning to it would replace the prototype instead of adding a field.
  if (last === '__proto__') return unreachable(path)
  if (value === null) delete at[last]
  else at[last] = value
  return { ok: true, value: result }
}

function unreachable(path: string[]): Replaced {
  return { ok: false, path: `/${path.join('/')}` }
}

function isObject(value: unknown): value is Fields {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

function set(object: Fields, key: string, value: unknown): void {
  Object.defineProperty(object, key, {
    value,
    enumerable: true,
    writable: true,
    configurable: true,
  })
}
