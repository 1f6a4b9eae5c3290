import { ConfigError } from '../model/errors.ts'

/** `$env://NAME` or `$ENV://NAME`, with `/key` for a field of a JSON value, as in APISIX. */
const REFERENCE = /^\$env:\/\/([^/]+)(?:\/(.+))?$/i

/**
 * Puts the values of environment variables in place of the references to them, however deep.
 * Returns the value itself when it has none.
 * @throws ConfigError naming the variable that is not set, or empty: neither a reference nor nothing
 * must ever pass for a secret.
 */
export function resolveEnvironment<T>(value: T, environment: NodeJS.ProcessEnv): T {
  if (typeof value === 'string') return resolveText(value, environment) as T
  if (value === null || typeof value !== 'object') return value
  let copy: Record<string, unknown> | undefined
  for (const [key, part] of Object.entries(value)) {
    const resolved = resolveEnvironment<unknown>(part, environment)
    if (resolved === part) continue
    copy ??= (Array.isArray(value) ? [...value] : { ...value }) as Record<string, unknown>
    copy[key] = resolved
  }
  return (copy ?? value) as T
}

/** The variable's value, if there is one: an environment inherits `constructor` and the like. */
export function variableOf(environment: NodeJS.ProcessEnv, name: string): string | undefined {
  return Object.hasOwn(environment, name) ? environment[name] : undefined
}

function resolveText(text: string, environment: NodeJS.ProcessEnv): string {
  if (text.charCodeAt(0) !== DOLLAR) return text
  const [, name = '', field] = REFERENCE.exec(text) ?? []
  if (name === '') return text
  const value = variableOf(environment, name)
  if (value === undefined || value === '') {
    throw missing(`environment variable ${name} is not set`)
  }
  return field === undefined ? value : fieldOf(name, value, field)
}

function fieldOf(name: string, json: string, field: string): string {
  let parsed: unknown
  try {
    parsed = JSON.parse(json)
  } catch {
    throw missing(`environment variable ${name} is no JSON, which /${field} asks for`)
  }
  const value = (parsed as Record<string, unknown> | null)?.[field]
  if (typeof value === 'string' && value !== '') return value
  throw missing(`environment variable ${name} has no text in its field ${field}`)
}

function missing(message: string): ConfigError {
  return new ConfigError('GW_CONFIG_REFERENCE', message)
}

const DOLLAR = 36
