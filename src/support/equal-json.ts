/** Whether two JSON values say the same; the order of fields does not matter. */
export function equalJson(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return false
  if (Array.isArray(a)) return Array.isArray(b) && equalItems(a, b)
  return !Array.isArray(b) && equalFields(a as Fields, b as Fields)
}

type Fields = Record<string, unknown>

function equalItems(a: unknown[], b: unknown[]): boolean {
  return a.length === b.length && a.every((item, n) => equalJson(item, b[n]))
}

function equalFields(a: Fields, b: Fields): boolean {
  const names = Object.keys(a)
  if (names.length !== Object.keys(b).length) return false
  return names.every((name) => Object.hasOwn(b, name) && equalJson(a[name], b[name]))
}
