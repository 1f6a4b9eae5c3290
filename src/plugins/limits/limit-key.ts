import { createHash } from 'node:crypto'
import { compileKeyTemplate, textsNeedBody } from '../../support/variables/template.ts'
import { compileVariable, needsBody } from '../../support/variables/variable.ts'
import type { PluginHost, RequestContext } from '../contract.ts'

export type KeyType = 'var' | 'var_combination' | 'constant'

/** Reads what a limit counts by; requests without it are counted by their address, as in APISIX. */
export function compileLimitKey(key: string, type: KeyType): (request: RequestContext) => string {
  if (type === 'constant') return () => key
  const read = type === 'var' ? compileVariable(key) : compileKeyTemplate(key)
  return (request) => read(request) ?? request.remoteAddress
}

/** True if what a limit counts by, or a number of it, is in the request's body. */
export function limitReadsBody(
  config: { key?: string; key_type: KeyType; rules?: unknown },
  numbers: readonly unknown[] = [],
): boolean {
  const { key, key_type: type, rules } = config
  const isVariable = key !== undefined && type === 'var'
  const texts = type === 'var_combination' ? [key, rules, ...numbers] : [rules, ...numbers]
  return (isVariable && needsBody(key)) || textsNeedBody(texts)
}

/**
 * Start of the keys of one limit: other plugins, other owners and other configurations count for
 * themselves. The same on every gateway, so that gateways can share Redis.
 */
export function limitScope(plugin: string, { owner }: PluginHost, config: object): string {
  return `${plugin}:${owner.kind}/${owner.id}:${digest(config)}:`
}

/** The same for limits that name a group, whoever owns them. */
export function groupScope(plugin: string, group: string, config: object): string {
  return `${plugin}:group/${group}:${digest(config)}:`
}

function digest(config: object): string {
  const sorted = Object.entries(config).sort(([a], [b]) => (a < b ? -1 : 1))
  const hash = createHash('sha256').update(JSON.stringify(sorted))
  return hash.digest('base64url').slice(0, 12)
}
