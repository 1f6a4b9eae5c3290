import type { WorkerStats } from '../model/ipc.ts'

export const NO_STATS: WorkerStats = {
  connections: 0,
  connectionsTotal: 0,
  requestsInFlight: 0,
  requestsByStatus: {},
  refusedByStatus: {},
  refusedByReason: {},
  shed: {},
  shedShare: 0,
  bytesSent: 0,
  bufferedBytes: 0,
  upstreamRetries: 0,
  upstreamErrors: {},
  pluginErrors: {},
  eventLoopDelayP99Ms: 0,
  residentBytes: 0,
  droppedLogLines: 0,
  nameFailures: 0,
  namesFailing: 0,
}

/** What remains of a worker that ended: its counters, not its gauges. */
export function ended(stats: WorkerStats): WorkerStats {
  return {
    ...stats,
    connections: 0,
    requestsInFlight: 0,
    shedShare: 0,
    bufferedBytes: 0,
    eventLoopDelayP99Ms: 0,
    residentBytes: 0,
    namesFailing: 0,
  }
}

/** Sums counters and gauges; of loop delays and shed shares the worst. */
export function addStats(a: WorkerStats, b: WorkerStats): WorkerStats {
  return {
    connections: a.connections + b.connections,
    connectionsTotal: a.connectionsTotal + b.connectionsTotal,
    requestsInFlight: a.requestsInFlight + b.requestsInFlight,
    requestsByStatus: addCounts(a.requestsByStatus, b.requestsByStatus),
    refusedByStatus: addCounts(a.refusedByStatus, b.refusedByStatus),
    refusedByReason: addCounts(a.refusedByReason, b.refusedByReason),
    shed: addCounts(a.shed, b.shed),
    shedShare: Math.max(a.shedShare, b.shedShare),
    bytesSent: a.bytesSent + b.bytesSent,
    bufferedBytes: a.bufferedBytes + b.bufferedBytes,
    upstreamRetries: a.upstreamRetries + b.upstreamRetries,
    upstreamErrors: addCounts(a.upstreamErrors, b.upstreamErrors),
    pluginErrors: addCounts(a.pluginErrors, b.pluginErrors),
    eventLoopDelayP99Ms: Math.max(a.eventLoopDelayP99Ms, b.eventLoopDelayP99Ms),
    residentBytes: a.residentBytes + b.residentBytes,
    droppedLogLines: a.droppedLogLines + b.droppedLogLines,
    nameFailures: a.nameFailures + b.nameFailures,
    namesFailing: Math.max(a.namesFailing, b.namesFailing),
  }
}

function addCounts(a: Record<string, number>, b: Record<string, number>): Record<string, number> {
  const sum = { ...a }
  for (const [key, count] of Object.entries(b)) sum[key] = (sum[key] ?? 0) + count
  return sum
}
