import { hostname } from 'node:os'
import { type InstanceReport, MAX_REPORTED_QUARANTINE } from '../model/instance.ts'
import type { Quarantined } from '../model/ipc.ts'
import type { ListenAddress } from './acceptor.ts'
import type { ServingConfig } from './serving-config.ts'
import { notReadyReason, quarantinedObjects, type StatusParts } from './status.ts'

/** A reason quotes the object it is about, which can be long. */
const MAX_REASON_LENGTH = 300

/** Returns what the instance tells the control plane of itself, each time it is called. */
export function createInstanceReport(
  parts: StatusParts,
  status: ListenAddress,
): () => InstanceReport {
  const digestOf = rememberServedDigest()
  return () => instanceReport(parts, status, digestOf(parts.config.serving))
}

/** The digest of what is served costs two hashes per quarantined object: once per change is enough. */
function rememberServedDigest(): (config: ServingConfig | undefined) => string | null {
  let last: { key: string; served: string } | undefined
  return (config) => {
    if (config === undefined) return null
    const key = JSON.stringify([config.source.mark, config.quarantined])
    if (last?.key !== key) last = { key, served: config.mark.digest }
    return last.served
  }
}

function instanceReport(
  parts: StatusParts,
  status: ListenAddress,
  servedDigest: string | null,
): InstanceReport {
  const { config, supervisor } = parts
  const { serving, state } = config
  const drain = parts.drain.state
  const quarantined = quarantinedObjects(parts)
  return {
    version: parts.version,
    hostname: hostname(),
    pid: process.pid,
    listeners: parts.listeners(),
    status,
    tier: state.tier,
    connected: state.connected,
    notReady: notReadyReason(parts) ?? null,
    draining: drain.draining,
    following: !(drain.cause === 'stop' && parts.listeners().length === 0),
    applied: serving?.source.mark ?? null,
    servedDigest,
    workersWanted: parts.workersWanted,
    workers: supervisor.links.map((link) => ({
      id: link.id,
      pid: link.pid ?? null,
      applied: link.applied ?? null,
      serving: link.serving,
      draining: link.draining,
    })),
    // The latest: they are what somebody waits for.
    quarantined: quarantined.slice(-MAX_REPORTED_QUARANTINE).map(shorten),
    quarantinedTotal: quarantined.length,
  }
}

function shorten(object: Quarantined): Quarantined {
  return { ...object, reason: object.reason.slice(0, MAX_REASON_LENGTH) }
}
