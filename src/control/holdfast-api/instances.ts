import { type Answer, refusal } from '../answer.ts'
import type { Fleet } from './fleet.ts'
import type { AssessedInstance } from './instance-state.ts'
import { pageOf, parsePage } from './page-query.ts'

const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/

export async function listInstances(
  fleet: Fleet,
  group: string,
  query: Record<string, unknown>,
): Promise<Answer> {
  const page = parsePage(query, UUID)
  if (!page.ok) return refusal(400, page.reason)
  const { limit, after } = page
  const found = await fleet.list(group, { limit: limit + 1, ...(after !== undefined && { after }) })
  const { list, next } = pageOf(found, limit, ({ id }) => id)
  return { status: 200, body: { list: list.map(showInstance), next } }
}

export async function showOneInstance(fleet: Fleet, group: string, id: string): Promise<Answer> {
  const found = UUID.test(id) ? await fleet.get(group, id) : undefined
  if (found === undefined) return refusal(404, `no instance ${id} in gateway group ${group}`)
  return { status: 200, body: showInstance(found) }
}

function showInstance({ report, ...instance }: AssessedInstance): object {
  const { id, group, state, reasons, startedAt, lastSeen, ageMs } = instance
  return {
    ...{ id, group, state, reasons },
    hostname: report.hostname,
    version: report.version,
    pid: report.pid,
    ...{ startedAt, lastSeen, ageMs: Math.round(ageMs) },
    listeners: report.listeners,
    status: report.status,
    source: { tier: report.tier, connected: report.connected },
    ready: report.notReady === null,
    draining: report.draining,
    applied: report.applied,
    workersWanted: report.workersWanted,
    workers: report.workers.map(({ applied, ...worker }) => ({
      ...worker,
      epoch: applied?.epoch ?? null,
      revision: applied?.revision ?? null,
      digest: applied?.digest ?? null,
    })),
    quarantined: report.quarantined,
    quarantinedTotal: report.quarantinedTotal,
  }
}
