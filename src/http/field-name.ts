/** Compares a field name, in any letter case, with one written in lower case. Cheap for a mismatch. */
export function isNamed(name: string, lowerCase: string): boolean {
  return (
    name.length === lowerCase.length &&
    (name.charCodeAt(0) | 32) === lowerCase.charCodeAt(0) &&
    name.toLowerCase() === lowerCase
  )
}
