import { stringify } from 'yaml'
import type { ResourceBody } from '../../model/resource-kind.ts'

/** Written first: what an object is called. */
const FIRST = ['id', 'username', 'name']

/** The object with its keys in a fixed order, so that equal objects give equal texts. */
export function sortObject(body: ResourceBody): ResourceBody {
  const sorted = sortKeys(body) as ResourceBody
  const first = FIRST.filter((name) => Object.hasOwn(sorted, name))
  return { ...Object.fromEntries(first.map((name) => [name, sorted[name]])), ...sorted }
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys)
  if (value === null || typeof value !== 'object') return value
  const names = Object.keys(value).sort()
  return Object.fromEntries(
    names.map((name) => [name, sortKeys((value as Record<string, unknown>)[name])]),
  )
}

/** YAML that differs from line to line where the values do. */
export function toYaml(value: unknown): string {
  // Folded lines and shared anchors would show differences where there are none.
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false })
}
