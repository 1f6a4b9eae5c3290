import type { Quarantined } from '../model/ipc.ts'
import type { ListenAddress } from './acceptor.ts'
import type { Backup } from './backup/backup.ts'
import type { ConfigService } from './config-service.ts'
import type { Reporter } from './create-reporter.ts'
import type { DrainSwitch } from './drain-switch.ts'
import type { HealthService } from './health/health-service.ts'
import type { MetricStore } from './metric-store/metric-store.ts'
import type { QuotaService } from './quota/quota-service.ts'
import type { SecretService } from './secrets/secret-service.ts'
import type { Supervisor } from './supervisor.ts'
import type { WorkerLink } from './worker-link.ts'

/** A worker may lag behind the newest revision this long before the instance is unready. */
const MAX_LAG_MS = 5_000

/** When all workers turn away this share of the requests, others should get the traffic. */
const OVERLOADED_SHARE = 0.5

/** What the instance knows of itself, for the status server and the metrics. */
export interface StatusParts {
  group: string
  version: string
  workersWanted: number
  config: ConfigService
  supervisor: Supervisor
  backup: Backup
  health: Pick<HealthService, 'counts' | 'upstreams'>
  quota: Pick<QuotaService, 'keys' | 'evicted'>
  metrics: Pick<MetricStore, 'text' | 'sizes' | 'overflowed'>
  secrets: Pick<SecretService, 'counts' | 'managers'>
  listeners: () => readonly ListenAddress[]
  /** Connections that the primary refused with 503, since no worker could take them. */
  refusedConnections: () => number
  drain: DrainSwitch
  /** Undefined: the configuration does not come from PostgreSQL, nor does anything go there. */
  instance: Reporter | undefined
}

/**
 * Why traffic should not come here now; undefined = ready. Only local facts count: losing
 * PostgreSQL or the control plane never makes an instance unready.
 */
export function notReadyReason(parts: StatusParts): string | undefined {
  if (parts.drain.state.draining) return 'draining'
  if (parts.config.serving === undefined) return 'no configuration yet'
  if (parts.listeners().length === 0) return 'not listening yet'
  const serving = parts.supervisor.links.filter((link) => link.serving)
  if (serving.length === 0) return 'no worker serves'
  if (!parts.supervisor.started) return 'not all workers serve yet'
  const late = serving.find((link) => lagMs(link, parts) > MAX_LAG_MS)
  if (late !== undefined) return `worker ${late.id} has not applied the current revision`
  if (serving.every((link) => (link.stats?.shedShare ?? 0) >= OVERLOADED_SHARE)) return 'overloaded'
  return undefined
}

/** The answer of `/status/sync`. */
export function syncStatus(parts: StatusParts): object {
  const { config, supervisor, backup } = parts
  const { serving, state } = config
  return {
    version: parts.version,
    pid: process.pid,
    group: parts.group,
    ...(serving?.source.mark ?? { epoch: null, revision: null, digest: null }),
    source: {
      tier: state.tier,
      connected: state.connected,
      reason: state.reason ?? null,
      since: state.since,
      edited: state.edited,
      file: state.file ?? null,
      ageSeconds: config.ageSeconds,
    },
    instance: reporterState(parts),
    ready: notReadyReason(parts) === undefined,
    draining: parts.drain.state.draining,
    degraded: degradedReason(parts) ?? null,
    listeners: parts.listeners(),
    quarantined: quarantinedObjects(parts),
    workers: supervisor.links.map((link) => ({
      id: link.id,
      pid: link.pid ?? null,
      revision: link.applied?.revision ?? null,
      digest: link.applied?.digest ?? null,
      inSync: inSync(link, config),
      serving: link.serving,
      draining: link.draining,
      silent: link.silent,
      shedShare: link.stats?.shedShare ?? 0,
      startedAt: new Date(link.startedAt).toISOString(),
      connections: link.stats?.connections ?? 0,
    })),
    workersWanted: parts.workersWanted,
    workerRestarts: supervisor.restarts,
    nodes: parts.health.counts,
    secrets: secretState(parts),
    refusedRevisions: serving?.refusedRevisions ?? [],
    backup: {
      revision: backup.state.revision ?? null,
      writtenAt: backup.state.writtenAt ?? null,
      error: backup.state.error ?? null,
      skipped: backup.state.skipped,
    },
  }
}

/** What is known of the secrets of managers, and of the managers themselves. */
function secretState({ secrets }: StatusParts): object {
  const managers = secrets.managers.map((manager) => ({
    ...manager,
    reason: manager.reason ?? null,
  }))
  return { ...secrets.counts, managers }
}

/** Who the control plane takes us for, and when it last heard of us. */
function reporterState({ instance }: StatusParts): object | null {
  if (instance === undefined) return null
  const { id = null, reportedAt = null, error = null } = instance.state
  return { id, reportedAt, error }
}

/** The answer of `/status/drain`: is traffic turned away, and how much is still here. */
export function drainStatus({ drain, supervisor }: StatusParts): object {
  const { draining, cause = null, since = null } = drain.state
  const { connections, requestsInFlight } = supervisor.stats
  return { draining, cause, since, connections, requestsInFlight }
}

/** True when the worker serves exactly the current revision, proved by its digest. */
function inSync({ applied }: WorkerLink, config: ConfigService): boolean {
  const mark = config.serving?.mark
  return applied !== undefined && mark !== undefined && applied.digest === mark.digest
    ? applied.revision === mark.revision && applied.epoch === mark.epoch
    : false
}

function lagMs(link: WorkerLink, { config, supervisor }: StatusParts): number {
  if (inSync(link, config)) return 0
  return Date.now() - Math.max(config.changedAt, supervisor.blame.refusedAt)
}

/** What neither the primary nor one of the workers could take, each object once. */
export function quarantinedObjects({ config, supervisor }: StatusParts): Quarantined[] {
  const objects = new Map<string, Quarantined>()
  const lists = [config.serving?.quarantined ?? [], ...supervisor.links.map((l) => l.quarantined)]
  for (const list of lists) {
    for (const object of list) {
      const key = `${object.kind}/${object.id}`
      // One worker without the rule is enough.
      if (objects.get(key)?.unguarded !== true) objects.set(key, object)
    }
  }
  return [...objects.values()]
}

/** Global rules that do not run, since there is no good version of them: requests pass without. */
export function missingGlobalRules(parts: StatusParts): Quarantined[] {
  return quarantinedObjects(parts).filter(({ unguarded }) => unguarded)
}

/** Why this instance serves with less than it should; undefined = it does not. */
export function degradedReason(parts: StatusParts): string | undefined {
  const [missing] = missingGlobalRules(parts)
  const unguarded = missing && `global rule ${missing.id} does not run: ${missing.reason}`
  return parts.supervisor.degradedReason ?? unguarded
}
