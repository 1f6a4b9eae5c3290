import type { ResourceBody, ResourceKind } from './resource-kind.ts'
import type { Delta, RevisionMark } from './revision.ts'
import type { SecretsByObject } from './secret-value.ts'

/** Both sides of a channel must speak the same version; a worker refuses any other. */
export const IPC_VERSION = 1

/** An object that is not served as written: its last good version keeps serving, or nothing does. */
export interface Quarantined {
  kind: ResourceKind
  id: string
  reason: string
}

/** What a worker must know of the settings; it never reads them itself. */
export interface WorkerSettings {
  logLevel: string
  /** How long a draining worker may take to finish what it has. */
  drainTimeoutMs: number
  http: {
    maxHeaderBytes: number
    maxHeaders: number
    maxUrlBytes: number
    /** 0 = unlimited. */
    maxBodyBytes: number
    headerTimeoutMs: number
    bodyTimeoutMs: number
    keepAliveTimeoutMs: number
    sendTimeoutMs: number
    maxRequestsPerConnection: number
    underscoresInHeaders: 'reject' | 'drop' | 'allow'
  }
  /** CIDRs whose X-Forwarded-* headers are believed. */
  trustedProxies: readonly string[]
  upstream: { connectTimeoutMs: number; sendTimeoutMs: number; readTimeoutMs: number }
}

/** Counters and gauges of one worker since its start, cheap enough to keep per request. */
export interface WorkerStats {
  /** Open client connections. */
  connections: number
  connectionsTotal: number
  /** Exchanges in flight. */
  requestsInFlight: number
  /** Answers by status code. */
  requestsByStatus: Record<string, number>
  /** Requests the HTTP engine refused before routing, by status code. */
  refusedByStatus: Record<string, number>
  bytesSent: number
  upstreamRetries: number
  upstreamErrors: Record<string, number>
  /** 99th percentile since the last report, in milliseconds. */
  eventLoopDelayP99Ms: number
  residentBytes: number
}

/** Sent by the primary. A `connection` message carries the accepted socket as its handle. */
export type PrimaryMessage =
  | { type: 'configure'; version: number; settings: WorkerSettings }
  | { type: 'snapshot-begin'; group: string; mark: RevisionMark }
  /** Bodies are as stored, and so are digests; secrets that are encrypted there come in plain text. */
  | {
      type: 'snapshot-chunk'
      kind: ResourceKind
      bodies: ResourceBody[]
      secrets?: SecretsByObject | undefined
    }
  | { type: 'snapshot-end' }
  | { type: 'delta'; delta: Delta; secrets?: SecretsByObject | undefined }
  | { type: 'connection' }
  | { type: 'drain' }

/** Sent by a worker. */
export type WorkerMessage =
  | { type: 'hello'; version: number }
  /** The worker serves this revision now; `durationMs` from receipt to swap. */
  | { type: 'applied'; mark: RevisionMark; quarantined: Quarantined[]; durationMs: number }
  /** The worker's state does not fit the delta: it goes on serving and asks for a snapshot. */
  | { type: 'resync'; reason: string }
  | { type: 'heartbeat'; stats: WorkerStats }
  /** This many more connections have arrived, in the order sent; none has been read from yet. */
  | { type: 'accepted'; count: number }
  /** No connection is left after `drain`; the worker exits by itself next. */
  | { type: 'drained' }
