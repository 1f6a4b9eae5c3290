import { ConfigError } from '../../model/errors.ts'

type Step = (values: unknown[]) => unknown[]

const KEY = /^[^.[\]*'"]+/
const QUOTED_KEY = /^\[\s*(?:'([^']*)'|"([^"]*)")\s*\]/
const INDEX = /^\[\s*(\d{1,9})\s*\]/
const ANY = /^(?:\[\s*\*\s*\]|\.\*|\*)/

/**
 * Compiles the path of `post_arg.path`. Plain names give the value itself; a path with `[n]`, `[*]`,
 * `*` or `..` gives the list of all values found (undefined = none), for the operator `has`.
 * @throws ConfigError for what else JSONPath has: slices, filters, scripts.
 */
export function compileJsonPath(path: string): (root: unknown) => unknown {
  if (!/[[*]|\.\./.test(`.${path}`)) return compileNames(path)
  const steps = compileSteps(path)
  return (root) => {
    let values: unknown[] = root === undefined ? [] : [root]
    for (const step of steps) values = step(values)
    return values.length === 0 ? undefined : values
  }
}

function compileNames(path: string): (root: unknown) => unknown {
  const names = path.split('.')
  return (root) => {
    let value = root
    for (const name of names) value = memberOf(value, name)
    return value
  }
}

function compileSteps(path: string): Step[] {
  // Descendants of descendants: quadratic in the depth of what a client sends. `...` is two of them.
  if (/\.\.(?:\.|.*\.\.)/s.test(`.${path}`)) {
    throw new ConfigError('GW_CONFIG_INVALID', `post_arg.${path} has more than one ..`)
  }
  const steps: Step[] = []
  let rest = `.${path}`
  while (rest !== '') {
    const [step, length] = nextStep(rest)
    if (step === undefined) {
      throw new ConfigError(
        'GW_CONFIG_INVALID',
        `post_arg.${path} is no path: expected names, [n], [*], * and .. at ${JSON.stringify(rest)}`,
      )
    }
    steps.push(step)
    rest = rest.slice(length)
  }
  return steps
}

function nextStep(rest: string): [step: Step | undefined, length: number] {
  const any = ANY.exec(rest)
  if (any) return [(values) => values.flatMap(childrenOf), any[0].length]
  const index = INDEX.exec(rest)
  if (index) return [compileIndex(Number(index[1])), index[0].length]
  const quoted = QUOTED_KEY.exec(rest)
  if (quoted) return [compileMember(quoted[1] ?? quoted[2] ?? ''), quoted[0].length]
  if (rest.startsWith('..'))
    return [(values) => values.flatMap(withDescendants), rest[2] === '[' ? 2 : 1]
  const key = rest.startsWith('.') ? KEY.exec(rest.slice(1)) : null
  return key ? [compileMember(key[0]), key[0].length + 1] : [undefined, 0]
}

function compileMember(name: string): Step {
  return (values) => values.map((value) => memberOf(value, name)).filter(isThere)
}

function compileIndex(index: number): Step {
  return (values) =>
    values.map((value) => (Array.isArray(value) ? value[index] : undefined)).filter(isThere)
}

function isThere(value: unknown): boolean {
  return value !== undefined && value !== null
}

function childrenOf(value: unknown): unknown[] {
  return typeof value === 'object' && value !== null ? Object.values(value) : []
}

/** The value and all below it; a loop rather than recursion, since a client chose the depth. */
function withDescendants(value: unknown): unknown[] {
  const found = [value]
  for (let i = 0; i < found.length; i++) {
    for (const child of childrenOf(found[i])) found.push(child)
  }
  return found
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  if (!Object.hasOwn(value, name)) return undefined
  return (value as Record<string, unknown>)[name] ?? undefined
}
