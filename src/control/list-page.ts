import type { ShownResource } from './resource-answer.ts'

const PAGE_SIZE = { min: 10, max: 500 }

/** Query parameters by which APISIX narrows a list. */
const FILTERS = ['name', 'label', 'uri', 'filter']

/** What a list answers, or why it cannot. */
export type ListPage =
  | { ok: true; total: number; list: ShownResource[] }
  | { ok: false; reason: string }

/**
 * The part of a list that `page` and `page_size` ask for, oldest first; without both, all of it by
 * key.
 */
export function pageOf(resources: ShownResource[], query: Record<string, unknown>): ListPage {
  const filter = FILTERS.find((name) => query[name] !== undefined)
  if (filter !== undefined) {
    // Passed over, a script that deletes what it finds would delete everything.
    return { ok: false, reason: `${filter} is a filter that is not supported yet` }
  }
  const total = resources.length
  const { page: pageText, page_size: sizeText } = query
  if (pageText === undefined || sizeText === undefined) {
    return { ok: true, total, list: resources.sort((a, b) => compare(a.key, b.key)) }
  }
  const page = Number(pageText)
  const size = Number(sizeText)
  if (!Number.isSafeInteger(page)) return { ok: false, reason: 'page must be an integer from 1' }
  if (!(Number.isSafeInteger(size) && size >= PAGE_SIZE.min && size <= PAGE_SIZE.max)) {
    const reason = `page_size must be between ${PAGE_SIZE.min} and ${PAGE_SIZE.max}`
    return { ok: false, reason }
  }
  const from = (Math.max(page, 1) - 1) * size
  const list = resources
    .sort((a, b) => a.createdIndex - b.createdIndex || compare(a.key, b.key))
    .slice(from, from + size)
  return { ok: true, total, list }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
