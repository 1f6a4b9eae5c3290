import type { Quarantined } from './ipc.ts'
import type { RevisionMark } from './revision.ts'

interface ReportedAddress {
  host: string
  port: number
}

/** One worker process; `applied` null = it serves nothing yet. */
export interface ReportedWorker {
  id: number
  pid: number | null
  applied: RevisionMark | null
  serving: boolean
  draining: boolean
}

/** What a gateway instance says of itself with each heartbeat. */
export interface InstanceReport {
  version: string
  hostname: string
  pid: number
  listeners: readonly ReportedAddress[]
  status: ReportedAddress
  tier: string
  /** Whether it can read the configuration's source now. */
  connected: boolean
  /** Why traffic should not come to it; null = ready. */
  notReady: string | null
  draining: boolean
  /** False once it is stopping: revisions that are written now never get to it. */
  following: boolean
  /** What its primary has, as the control plane wrote it; null = nothing yet. */
  applied: RevisionMark | null
  /** Digest of `applied` as workers serve it: differs while objects are quarantined. */
  servedDigest: string | null
  workersWanted: number
  workers: readonly ReportedWorker[]
  /** At most MAX_REPORTED_QUARANTINE of them. */
  quarantined: readonly Quarantined[]
  quarantinedTotal: number
}

/** A report is a row that is written often: it must stay small. */
export const MAX_REPORTED_QUARANTINE = 200
