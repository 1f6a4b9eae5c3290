import type { StoredInstance } from '../../store/instances.ts'

type InstanceState = 'healthy' | 'degraded' | 'draining' | 'lost' | 'offline'

/** Since the last heartbeat, by the database's clock. */
export interface InstanceAges {
  lostAfterMs: number
  offlineAfterMs: number
}

/** An instance as the control plane sees it. */
export interface AssessedInstance extends StoredInstance {
  state: InstanceState
  /** Why it is not healthy, in plain words. */
  reasons: string[]
}

/**
 * States: healthy ⇄ degraded ⇄ draining, as the instance says of itself; lost when it says nothing,
 * offline when it has said nothing for long, or said good-bye; then its row is purged.
 */
export function assessInstance(instance: StoredInstance, ages: InstanceAges): AssessedInstance {
  return { ...instance, ...judge(instance, ages) }
}

/** Waits count on these; one that is stopping gets no more revisions. */
export function isLive({ state, report }: AssessedInstance): boolean {
  return state !== 'lost' && state !== 'offline' && report.following
}

function judge(
  { stopped, ageMs, report }: StoredInstance,
  { lostAfterMs, offlineAfterMs }: InstanceAges,
): { state: InstanceState; reasons: string[] } {
  if (stopped) return { state: 'offline', reasons: ['stopped'] }
  if (ageMs > lostAfterMs) {
    const reasons = [`no heartbeat for ${Math.round(ageMs / 1000)} s`]
    return { state: ageMs > offlineAfterMs ? 'offline' : 'lost', reasons }
  }
  const reasons: string[] = []
  if (report.quarantinedTotal > 0) reasons.push(`objects quarantined: ${report.quarantinedTotal}`)
  if (report.tier !== 'postgres') reasons.push(`configuration from tier ${report.tier}`)
  if (!report.connected) reasons.push('the configuration source can not be read')
  const serving = report.workers.filter((worker) => worker.serving).length
  if (serving < report.workersWanted) {
    reasons.push(`${serving} of ${report.workersWanted} workers serve`)
  }
  if (report.draining) return { state: 'draining', reasons }
  if (report.notReady !== null) reasons.push(report.notReady)
  return { state: reasons.length > 0 ? 'degraded' : 'healthy', reasons }
}
