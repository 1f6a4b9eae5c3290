import { join } from 'node:path'
import type { WorkerSettings } from '../model/ipc.ts'
import type { GatewaySettings } from '../settings/gateway-settings.ts'
import { defaultMaxResidentBytes } from './memory-limit.ts'
import type { WatchLimits } from './worker-watch.ts'

/** Bodies held in memory must not be what makes a worker too large. */
const BUFFERED_SHARE = 0.25
const MAX_BUFFERED_BYTES = 256 * 1024 * 1024

/** The part of the settings that workers need. */
export function workerSettings(settings: GatewaySettings): WorkerSettings {
  const { logLevel, logFile, healthPath, drainTimeoutMs, http, trustedProxies, upstream } = settings
  return {
    logLevel,
    logFile,
    healthPath,
    drainTimeoutMs,
    http: { ...http, maxBufferedBytes: http.maxBufferedBytes ?? defaultMaxBufferedBytes(settings) },
    overloadLoopDelayMs: settings.overloadLoopDelayMs,
    reportDir: reportDirOf(settings.dataDir),
    // Well before the worker is killed for it.
    stallReportMs: settings.watch.stallKillMs * 0.4,
    trustedProxies,
    routing: settings.routing,
    plugins: settings.plugins,
    metrics: settings.metrics,
    accessLog: settings.accessLog,
    upstream,
    dns: settings.dns,
  }
}

/** When a worker counts as stalled, lost or too large. */
export function watchLimits({ watch, workers }: GatewaySettings): WatchLimits {
  const { maxResidentBytes = defaultMaxResidentBytes(workers) } = watch
  return { stallMs: watch.stallMs, stallKillMs: watch.stallKillMs, maxResidentBytes }
}

function defaultMaxBufferedBytes(settings: GatewaySettings): number {
  // 0: no limit.
  const maxResidentBytes = watchLimits(settings).maxResidentBytes || Number.POSITIVE_INFINITY
  return Math.min(MAX_BUFFERED_BYTES, Math.floor(maxResidentBytes * BUFFERED_SHARE))
}

/** Folder of the reports on stalled workers. */
function reportDirOf(dataDir: string): string {
  return join(dataDir, 'reports')
}
