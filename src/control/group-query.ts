const GROUP_NAME = /^[a-zA-Z0-9_.-]{1,64}$/
const DEFAULT_GROUP = 'default'

/** The gateway group that a request is about, or why it can't be. */
export type GroupQuery = { ok: true; group: string } | { ok: false; reason: string }

export function parseGroup({ gateway_group_id: group }: Record<string, unknown>): GroupQuery {
  if (group === undefined) return { ok: true, group: DEFAULT_GROUP }
  if (typeof group === 'string' && GROUP_NAME.test(group)) return { ok: true, group }
  const reason =
    'invalid argument gateway_group_id: should be 1 to 64 characters of a-z A-Z 0-9 "_" "." "-"'
  return { ok: false, reason }
}
