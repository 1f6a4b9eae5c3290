import { ConfigError } from '../model/errors.ts'
import type { ResourceBody, ResourceKind } from '../model/resource-kind.ts'
import { compileRegex } from '../support/regex/regex.ts'

/** Fields that `filter` can name, as in APISIX. */
const REFERENCE_FIELDS: Partial<Record<ResourceKind, readonly string[]>> = {
  routes: ['service_id', 'upstream_id'],
  stream_routes: ['service_id', 'upstream_id'],
}

type Test = (body: ResourceBody) => boolean

/** Which objects a list shows, or why it can't be said. */
export type ListFilter = { ok: true; test: Test } | { ok: false; reason: string }

/**
 * Reads the filters of a list: `name` and `uri` are regular expressions to be found in the fields,
 * `label` is the key of a label, `filter` names what an object refers to. All of them must fit.
 */
export function parseFilter(kind: ResourceKind, query: Record<string, unknown>): ListFilter {
  try {
    const { name, label, uri, filter } = query
    const tests = [
      ...(name === undefined ? [] : [byName(patternOf('name', name))]),
      ...(label === undefined ? [] : [byLabel(textOf('label', label))]),
      ...(uri === undefined ? [] : [byUri(patternOf('uri', uri))]),
      ...(filter === undefined ? [] : byReferences(kind, textOf('filter', filter))),
    ]
    return { ok: true, test: (body) => tests.every((test) => test(body)) }
  } catch (error) {
    if (error instanceof ConfigError) return { ok: false, reason: error.message }
    throw error
  }
}

function byName(matches: (text: string) => boolean): Test {
  return ({ name }) => typeof name === 'string' && matches(name)
}

function byLabel(key: string): Test {
  return ({ labels }) => Object.hasOwn((labels as object | undefined) ?? {}, key)
}

function byUri(matches: (text: string) => boolean): Test {
  return ({ uri, uris }) => {
    const all = [uri, ...(Array.isArray(uris) ? uris : [])]
    return all.some((text) => typeof text === 'string' && matches(text))
  }
}

function byReferences(kind: ResourceKind, text: string): Test[] {
  const known = REFERENCE_FIELDS[kind] ?? []
  return [...new URLSearchParams(text)].map(([field, value]) => {
    // Passed over, a script that deletes what it finds would delete everything.
    if (!known.includes(field)) {
      const allowed = known.length === 0 ? 'none for this resource' : known.join(', ')
      throw invalid(
        'filter',
        `field "${field.slice(0, 100)}" is not supported: expected ${allowed}`,
      )
    }
    return (body) => body[field] !== undefined && String(body[field]) === value
  })
}

function patternOf(argument: string, value: unknown): (text: string) => boolean {
  const pattern = textOf(argument, value)
  try {
    const regex = compileRegex(pattern)
    return (text) => regex.test(text)
  } catch (error) {
    throw invalid(argument, (error as Error).message)
  }
}

function textOf(argument: string, value: unknown): string {
  if (typeof value === 'string') return value
  throw invalid(argument, 'should be given once')
}

function invalid(argument: string, problem: string): ConfigError {
  return new ConfigError('GW_CONFIG_INVALID', `invalid argument ${argument}: ${problem}`)
}
