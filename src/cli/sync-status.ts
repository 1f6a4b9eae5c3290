import type { JsonAnswer } from './fetch-json.ts'

/** What is read of `/status/sync`; a gateway of another version may lack any of it. */
interface SyncStatus {
  version?: string
  group?: string
  epoch?: string | null
  revision?: number | null
  digest?: string | null
  source?: { tier?: string; connected?: boolean; reason?: string | null; since?: string }
  listeners?: { host: string; port: number }[]
  quarantined?: { kind: string; id: string; reason: string }[]
  workers?: {
    id: number
    pid: number
    revision: number | null
    inSync: boolean
    connections: number
  }[]
  /** Nodes that are checked, and those of them that get no requests. */
  nodes?: { nodes: number; unhealthy: number }
  workersWanted?: number
  workerRestarts?: number
  backup?: { revision?: number | null; writtenAt?: string | null; error?: string | null }
}

/** `/status/sync` for human eyes. */
export function describeSync(body: SyncStatus, readiness: JsonAnswer): string {
  const ready = readiness.status === 200 ? 'ready' : `not ready (${readiness.body['error'] ?? '?'})`
  return [
    `holdfast ${body.version ?? '?'}, gateway group ${body.group ?? '?'}: ${ready}`,
    row('revision', revisionText(body)),
    row('source', sourceText(body.source ?? {})),
    row('listening', (body.listeners ?? []).map(addressText).join(', ') || 'no'),
    row('backup', backupText(body.backup ?? {})),
    row('workers', workersText(body)),
    ...(body.workers ?? []).map(workerRow),
    ...(body.nodes?.nodes ? [row('nodes', nodesText(body.nodes))] : []),
    ...(body.quarantined ?? []).map(quarantinedRow),
  ].join('\n')
}

function row(label: string, text: string): string {
  return `  ${label.padEnd(11)}${text}`
}

function revisionText({ revision, epoch, digest }: SyncStatus): string {
  if (revision === undefined || revision === null) return 'none yet'
  return `${revision} (epoch ${epoch}, digest ${digest})`
}

function sourceText({ tier, connected, since, reason }: NonNullable<SyncStatus['source']>): string {
  const link = connected ? 'connected' : 'not connected'
  return `${tier ?? 'none'}, ${link} since ${since ?? '?'}${reason ? `: ${reason}` : ''}`
}

function addressText({ host, port }: { host: string; port: number }): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function backupText({ revision, writtenAt, error }: NonNullable<SyncStatus['backup']>): string {
  const state =
    typeof revision === 'number'
      ? `revision ${revision}${writtenAt ? `, written ${writtenAt}` : ''}`
      : 'none yet'
  return error ? `${state}; ${error}` : state
}

function nodesText({ nodes, unhealthy }: NonNullable<SyncStatus['nodes']>): string {
  return `${nodes} checked, ${unhealthy} unhealthy`
}

function workersText({ workers = [], workersWanted = 0, workerRestarts = 0 }: SyncStatus): string {
  const inSync = workers.filter((worker) => worker.inSync).length
  return `${inSync} of ${workersWanted} in sync, ${workerRestarts} restarts`
}

function workerRow({
  id,
  pid,
  revision,
  inSync,
  connections,
}: NonNullable<SyncStatus['workers']>[0]) {
  const state = inSync ? 'in sync' : 'behind'
  return `    worker ${id}: pid ${pid}, revision ${revision ?? 'none'}, ${state}, ${connections} connections`
}

function quarantinedRow({
  kind,
  id,
  reason,
}: {
  kind: string
  id: string
  reason: string
}): string {
  return `  quarantined ${kind}/${id}: ${reason}`
}
