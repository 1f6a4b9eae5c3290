import type { AdminMethod } from './admin-request.ts'
import { parseGroup } from './group-query.ts'
import { parseWait } from './holdfast-api/wait-query.ts'

/** What may be asked of any kind of object, or why it can't be. */
export type AdminQuery =
  | { ok: true; group: string; wait: { timeoutMs: number } | undefined }
  | { ok: false; reason: string }

export function parseAdminQuery(query: Record<string, unknown>, method: AdminMethod): AdminQuery {
  const parsed = parseGroup(query)
  if (!parsed.ok) return parsed
  const lifetime = checkLifetime(query['ttl'])
  if (lifetime !== undefined) return { ok: false, reason: `invalid argument ttl: ${lifetime}` }
  const waiting = method === 'GET' ? ({ ok: true, wait: undefined } as const) : parseWait(query)
  return waiting.ok ? { ok: true, group: parsed.group, wait: waiting.wait } : waiting
}

/** Better refused than forgotten: the object would outlive what its author asked for. */
function checkLifetime(ttl: unknown): string | undefined {
  if (ttl === undefined) return undefined
  if (typeof ttl !== 'string' || !/^\s*-?\d+(?:\.\d+)?\s*$/.test(ttl)) return 'should be a number'
  return Number(ttl) === 0 ? undefined : 'objects do not expire'
}
