import type { StoredResource } from '../store/config-repository.ts'

const PAGE_SIZE = { min: 10, max: 500 }

/** The objects that a list answers with, or why it cannot. */
export type ListPage = { ok: true; items: StoredResource[] } | { ok: false; reason: string }

/**
 * The part of a list that `page` and `page_size` ask for, oldest first; without both, all of it as
 * it is.
 */
export function pageOf(items: StoredResource[], query: Record<string, unknown>): ListPage {
  const { page: pageText, page_size: sizeText } = query
  if (pageText === undefined || sizeText === undefined) return { ok: true, items }
  const page = Number(pageText)
  const size = Number(sizeText)
  if (!Number.isSafeInteger(page)) return { ok: false, reason: 'page must be an integer from 1' }
  if (!(Number.isSafeInteger(size) && size >= PAGE_SIZE.min && size <= PAGE_SIZE.max)) {
    const reason = `page_size must be between ${PAGE_SIZE.min} and ${PAGE_SIZE.max}`
    return { ok: false, reason }
  }
  const from = (Math.max(page, 1) - 1) * size
  // What was created together stays in order of id: sorting is stable.
  const sorted = items.toSorted((a, b) => a.createdRevision - b.createdRevision)
  return { ok: true, items: sorted.slice(from, from + size) }
}
