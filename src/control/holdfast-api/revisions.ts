import type { RevisionLog } from '../../store/revision-log.ts'
import { type Answer, refusal } from '../answer.ts'
import { assessConvergence } from './convergence.ts'
import type { Fleet } from './fleet.ts'
import { pageOf, parsePage } from './page-query.ts'
import { showChange } from './revision-diff.ts'

const NUMBER = /^\d{1,15}$/
const SEQ = /^\d{1,9}$/

/** A revision's number in a URL; undefined = it is none. */
export function parseRevision(text: string): number | undefined {
  return NUMBER.test(text) ? Number(text) : undefined
}

export async function listRevisions(
  history: RevisionLog,
  group: string,
  query: Record<string, unknown>,
): Promise<Answer> {
  const page = parsePage(query, NUMBER)
  if (!page.ok) return refusal(400, page.reason)
  const { limit, after } = page
  const before = after === undefined ? {} : { before: Number(after) }
  const [extent, found] = await Promise.all([
    history.extent(group),
    history.list(group, { limit: limit + 1, ...before }),
  ])
  const { list, next } = pageOf(found, limit, ({ revision }) => revision)
  return { status: 200, body: { head: extent?.head ?? null, list, next } }
}

export async function showRevision(
  history: RevisionLog,
  group: string,
  revision: number,
  query: Record<string, unknown>,
): Promise<Answer> {
  const page = parsePage(query, SEQ)
  if (!page.ok) return refusal(400, page.reason)
  const { limit, after } = page
  const summary = await history.get(group, revision)
  if (summary === undefined) return notInLog(history, group, revision)
  const found = await history.changes(group, revision, {
    limit: limit + 1,
    ...(after !== undefined && { after: Number(after) }),
  })
  const { list, next } = pageOf(found, limit, ({ seq }) => seq)
  const { changes: total, ...facts } = summary
  return { status: 200, body: { ...facts, total, changes: list.map(showChange), next } }
}

export async function showConvergence(
  { history, fleet }: { history: RevisionLog; fleet: Fleet },
  group: string,
  revision: number,
): Promise<Answer> {
  const facts = await fleet.facts(group)
  if (facts === undefined || revision > facts.head.revision) {
    return notInLog(history, group, revision)
  }
  const changed = await history.changedKeys(group, revision)
  return { status: 200, body: assessConvergence(facts, { revision, changed }) }
}

/** Why there is nothing to show: never written, or no longer kept. */
export async function notInLog(
  history: RevisionLog,
  group: string,
  revision: number,
): Promise<Answer> {
  const extent = await history.extent(group)
  const head = extent?.head.revision ?? 0
  if (revision < 1 || revision > head) {
    return refusal(404, `no revision ${revision} in gateway group ${group}: the latest is ${head}`)
  }
  const oldest = extent?.oldest
  const reach = oldest === undefined ? 'is empty' : `reaches back to revision ${oldest}`
  return refusal(410, `revision ${revision} is no longer kept: the log ${reach}`)
}
