const DEFAULT_LIMIT = 100
const MAX_LIMIT = 500

/** Which part of a list is wanted; `after` is the `next` of the part before. */
export type PageQuery =
  | { ok: true; limit: number; after: string | undefined }
  | { ok: false; reason: string }

/** Reads `limit` and `after`. */
export function parsePage(query: Record<string, unknown>, isAfter: RegExp): PageQuery {
  const { limit: limitText = `${DEFAULT_LIMIT}`, after } = query
  const limit = typeof limitText === 'string' && /^\d{1,3}$/.test(limitText) ? Number(limitText) : 0
  if (limit < 1 || limit > MAX_LIMIT) {
    return {
      ok: false,
      reason: `invalid argument limit: should be an integer from 1 to ${MAX_LIMIT}`,
    }
  }
  if (after !== undefined && !(typeof after === 'string' && isAfter.test(after))) {
    return { ok: false, reason: 'invalid argument after: should be the "next" of another answer' }
  }
  return { ok: true, limit, after }
}

/** One part of a list, from what was read with one item more than wanted. */
export function pageOf<T>(
  items: T[],
  limit: number,
  keyOf: (item: T) => string | number,
): { list: T[]; next: string | number | null } {
  const list = items.slice(0, limit)
  const last = list.at(-1)
  return { list, next: items.length > limit && last !== undefined ? keyOf(last) : null }
}
