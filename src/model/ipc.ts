import type { AttemptReport, NodeHealth } from './health.ts'
import type { MetricReport, MetricSettings } from './metrics.ts'
import type { QuotaAnswer, QuotaRequest } from './quota.ts'
import type { ResolvedName } from './resolved-name.ts'
import type { ResourceBody, ResourceKind } from './resource-kind.ts'
import type { Delta, RevisionMark } from './revision.ts'
import type { RoutingSettings } from './routing.ts'
import type { SecretsByObject } from './secret-value.ts'

/**
 * A connection that took longer to reach its worker may have gone to another one, since the worker
 * was stalled: it asks. Must be shorter, by far, than the silence after which the primary gives a
 * worker's connections to others.
 */
export const MAX_HAND_OVER_MS = 1_000
/** The shortest such silence that may be set. */
export const MIN_STALL_MS = 1_500

/** An object that is not served as written: its last good version keeps serving, or nothing does. */
export interface Quarantined {
  kind: ResourceKind
  id: string
  reason: string
  /** A global rule of which there is no good version: requests pass without it. */
  unguarded?: true
}

/** A line for each request. */
export interface AccessLogSettings {
  /** The file it is appended to; undefined = stdout. */
  path: string | undefined
  /** Text with variables. */
  format: string
  /** How values are made safe; nginx's `escape` of log_format. */
  escape: 'default' | 'json' | 'none'
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
    /** Most of a body that plugins may hold in memory. */
    maxBufferedBodyBytes: number
    /** Of all bodies of one worker together; beyond: 503. */
    maxBufferedBytes: number
    headerTimeoutMs: number
    bodyTimeoutMs: number
    keepAliveTimeoutMs: number
    sendTimeoutMs: number
    halfCloseTimeoutMs: number
    maxRequestsPerConnection: number
    underscoresInHeaders: 'reject' | 'drop' | 'allow'
    /** Client connections of one worker; beyond: 503. */
    maxConnections: number
    /** Requests in flight of one worker; beyond: 503. */
    maxPendingRequests: number
  }
  /** Delay of the event loop at which new requests are shed; 0 = never. */
  overloadLoopDelayMs: number
  /** Where reports of stalls are written. */
  reportDir: string
  /** A stall this long is written down. */
  stallReportMs: number
  /** Where the log goes; undefined = stdout. */
  logFile: string | undefined
  /** Path that the worker answers itself, 200 or 503; undefined = none. */
  healthPath: string | undefined
  /** How requests find their routes. */
  routing: RoutingSettings
  /** CIDRs whose X-Forwarded-* headers are believed. */
  trustedProxies: readonly string[]
  /** Files and packages of external plugins; names of those that are turned on, undefined = all. */
  plugins: { external: readonly string[]; enabled: readonly string[] | undefined }
  upstream: {
    connectTimeoutMs: number
    sendTimeoutMs: number
    readTimeoutMs: number
    /** Send to nodes that are down if all are, rather than answer 503. */
    forwardIfAllDown: boolean
    /** PEM certificates that nodes are verified against; undefined = those that Node trusts. */
    trustedCa: readonly string[] | undefined
    /** X-APISIX-Upstream-Status on every response, not only where a node failed. */
    alwaysShowStatus: boolean
  }
  /** How what plugins count of requests is kept. */
  metrics: MetricSettings
  /** Undefined = none. */
  accessLog: AccessLogSettings | undefined
  /** How names of nodes are resolved; no servers = those of /etc/resolv.conf. */
  dns: { servers: readonly string[]; timeoutMs: number; minTtlMs: number; maxTtlMs: number }
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
  /** All that it refused, also in the middle of their bodies, by reason: one of few texts. */
  refusedByReason: Record<string, number>
  /** Connections and requests turned away for lack of capacity, by reason. */
  shed: Record<string, number>
  /** Share of the new requests that is being shed, 0 to 1. */
  shedShare: number
  bytesSent: number
  /** Of bodies that are held in memory. */
  bufferedBytes: number
  upstreamRetries: number
  upstreamErrors: Record<string, number>
  /** Plugins that threw, by their name. */
  pluginErrors: Record<string, number>
  /** 99th percentile since the last report, in milliseconds. */
  eventLoopDelayP99Ms: number
  residentBytes: number
  /** Since the worker's start. */
  droppedLogLines: number
  /** Look-ups of names that failed, since the worker's start. */
  nameFailures: number
  /** Names whose last look-up failed: their last answer serves on, if there was one. */
  namesFailing: number
}

/** Sent by the primary. A `connection` message carries the accepted socket as its handle. */
export type PrimaryMessage =
  | { type: 'configure'; settings: WorkerSettings }
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
  /**
   * `sentAtMs` of the monotonic clock: one that comes late may have gone to another worker.
   * `waitedMs` in the primary before.
   */
  | { type: 'connection'; id: number; sentAtMs: number; waitedMs?: number }
  /** Connections up to this one were sent: the worker answers `settled`. */
  | { type: 'sent'; upTo: number }
  /** Which of the late connections are the worker's. */
  | { type: 'late'; granted: number[]; refused: number[] }
  /**
   * What has changed of nodes; after `configure`, before any configuration, all that are not simply
   * healthy.
   */
  | { type: 'health'; nodes: readonly NodeHealth[] }
  /** After `configure`, before any configuration: what others have learned of names. */
  | { type: 'names'; names: readonly ResolvedName[] }
  /** Whether new traffic should come here: if not, responses say `Connection: close`. */
  | { type: 'traffic'; welcome: boolean }
  /** Answers of the quota ledger; see model/quota.ts. */
  | { type: 'quota'; answers: readonly QuotaAnswer[] }
  | { type: 'drain' }

/** Sent by a worker. */
export type WorkerMessage =
  /** The worker listens: what is sent before would be lost. */
  | { type: 'hello' }
  /** The worker serves this revision now; `durationMs` from receipt to swap. */
  | { type: 'applied'; mark: RevisionMark; quarantined: Quarantined[]; durationMs: number }
  /** The worker's state does not fit the delta: it goes on serving and asks for a snapshot. */
  | { type: 'resync'; reason: string }
  | { type: 'heartbeat'; stats: WorkerStats }
  /** What requests met at nodes whose health is watched, many of them together. */
  | { type: 'attempts'; reports: AttemptReport[] }
  /** New answers about names of nodes. */
  | { type: 'names'; names: ResolvedName[] }
  /**
   * The connections `ids` have arrived; none has been read from yet. Those in `late`, accepted
   * before, wait for an answer: had another worker got them by then?
   */
  | { type: 'accepted'; ids: number[]; late: number[] }
  /** Of the connections up to this one, all that arrived have been accepted. */
  | { type: 'settled'; upTo: number }
  /** What requests want of the quota ledger, many of them together. */
  | { type: 'quota'; requests: readonly QuotaRequest[] }
  /** What plugins have counted since the last report. */
  | { type: 'metrics'; report: MetricReport }
  /** No connection is left after `drain`; the worker exits by itself next. */
  | { type: 'drained' }
