import type { ResourceBody, ResourceKind } from '../../model/resource-kind.ts'
import { ENVELOPE_MARK } from '../../model/secret-value.ts'
import { redact } from '../../plugins/redact-resource.ts'

const MASK = '***'

interface Versions {
  before?: ResourceBody | undefined
  after?: ResourceBody | undefined
}

/** Both versions of an object, their secrets hidden; where a secret changes, the new one says so. */
export function maskSecrets(kind: ResourceKind, { before, after }: Versions): Versions {
  const [old, new_] = kind === 'ssls' ? withKeys({ before, after }) : [before, after]
  return {
    ...(old && { before: mask(old, redact(kind, old), undefined) as ResourceBody }),
    ...(new_ && { after: mask(new_, redact(kind, new_), old) as ResourceBody }),
  }
}

/** The control plane shows no private key: one that a file has is not new because of that. */
function withKeys({
  before,
  after,
}: Versions): [ResourceBody | undefined, ResourceBody | undefined] {
  if (before === undefined || after === undefined) return [before, after]
  const hidden: ResourceBody = {}
  if (after['key'] !== undefined) hidden['key'] = ENVELOPE_MARK
  if (Array.isArray(after['keys'])) hidden['keys'] = after['keys'].map(() => ENVELOPE_MARK)
  return [{ ...hidden, ...before }, after]
}

/** `shown` is `value` redacted: what differs is a secret. `old` is what stood there before. */
function mask(value: unknown, shown: unknown, old: unknown): unknown {
  if (typeof value === 'string') return value === shown ? value : maskedText(value, old)
  if (value === null || typeof value !== 'object') return value
  const entries = Object.entries(value).map(([name, field]) => {
    const [inner, oldInner] = [shown, old].map((side) => memberOf(side, name))
    return [name, mask(field, inner, oldInner)] as const
  })
  return Array.isArray(value) ? entries.map(([, field]) => field) : Object.fromEntries(entries)
}

function memberOf(value: unknown, name: string): unknown {
  return value !== null && typeof value === 'object'
    ? (value as Record<string, unknown>)[name]
    : undefined
}

function maskedText(value: string, old: unknown): string {
  if (typeof old !== 'string' || old === value) return MASK
  const isKnown = ![old, value].some((text) => text.startsWith(ENVELOPE_MARK))
  return isKnown ? `${MASK} (changed)` : `${MASK} (perhaps changed)`
}
