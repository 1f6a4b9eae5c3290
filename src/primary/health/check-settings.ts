import type { HealthCheck } from '../../model/schemas/health-check.ts'
import type { Upstream } from '../../model/schemas/upstream.ts'
import { withDefaults } from '../../support/validate-resource.ts'
import type { Thresholds } from './node-checks.ts'
import type { OutlierSettings } from './outlier-watch.ts'

const MS_PER_SECOND = 1000
/** A probe takes no longer, whatever `timeout` says: a timer may not be 0 or endless. */
const MAX_TIMEOUT_MS = 600_000

/** How a node is asked. */
export interface ProbeSettings {
  type: 'http' | 'https' | 'tcp'
  timeoutMs: number
  /** Instead of the node's own. */
  port: number | undefined
  /** Value of Host, and server name of https; undefined = the node's name. */
  host: string | undefined
  method: string
  path: string
  body: string
  headers: readonly string[]
  verify: boolean
  /** Our own certificate, for nodes that ask for one. */
  cert: string | undefined
  key: string | undefined
  /** PEM; undefined = what Node trusts. */
  trustedCa: readonly string[] | undefined
}

/** Active checks of an upstream. */
interface ActiveSettings {
  probe: ProbeSettings
  concurrency: number
  healthyIntervalMs: number
  unhealthyIntervalMs: number
  healthyStatuses: ReadonlySet<number>
  unhealthyStatuses: ReadonlySet<number>
  thresholds: Thresholds
}

/** All that an upstream says of the health of its nodes, with defaults. */
export interface CheckSettings {
  /** As the control API shows it. */
  type: string
  active: ActiveSettings | undefined
  /** Thresholds for what requests meet; workers have told failures from successes already. */
  passive: Thresholds | undefined
  slowStartMs: number
  outlier: OutlierSettings | undefined
}

type CheckedUpstream = Pick<Upstream, 'checks' | 'holdfast'> &
  Partial<Pick<Upstream, 'pass_host' | 'upstream_host' | 'tls'>>

/** What is to be watched of an upstream; undefined = nothing. */
export function checkSettings(
  upstream: Partial<Upstream>,
  trustedCa?: readonly string[],
): CheckSettings | undefined {
  if (upstream.checks === undefined && upstream.holdfast === undefined) return undefined
  const { checks, holdfast } = filled(upstream)
  const { slow_start: slowStart, outlier_ejection: outlier } = holdfast ?? {}
  if (checks === undefined && outlier === undefined) return undefined
  return {
    type: checks?.active.type ?? 'http',
    active: checks && activeSettings(checks.active, upstream, trustedCa),
    passive: checks?.passive && passiveThresholds(checks.passive),
    slowStartMs: (slowStart?.window ?? 0) * MS_PER_SECOND,
    outlier: outlier && {
      consecutiveFailures: outlier.consecutive_failures,
      failureRate: outlier.failure_rate,
      minRequests: outlier.min_requests,
      intervalMs: outlier.interval * MS_PER_SECOND,
      baseEjectionMs: outlier.base_ejection_time * MS_PER_SECOND,
      maxEjectionMs: outlier.max_ejection_time * MS_PER_SECOND,
      maxEjectionPercent: outlier.max_ejection_percent,
    },
  }
}

/** Objects of a file or an edited backup don't carry their defaults. */
function filled({ checks, holdfast }: CheckedUpstream): CheckedUpstream {
  const active = checks && { ...checks.active }
  // Without these parts APISIX's library would not check at all; its documentation says otherwise.
  if (active !== undefined) {
    active.healthy ??= {} as never
    active.unhealthy ??= {} as never
  }
  const passive = checks?.passive && { ...checks.passive }
  if (passive !== undefined) {
    passive.healthy ??= {} as never
    passive.unhealthy ??= {} as never
  }
  return withDefaults('upstreams', {
    nodes: {},
    ...(active && { checks: { active, ...(passive && { passive }) } }),
    ...(holdfast && { holdfast }),
  })
}

function activeSettings(
  active: HealthCheck['active'],
  { pass_host: passHost, upstream_host: upstreamHost, tls }: CheckedUpstream,
  trustedCa: readonly string[] | undefined,
): ActiveSettings {
  const { healthy, unhealthy } = active
  const rewritten = passHost === 'rewrite' ? upstreamHost : undefined
  return {
    probe: {
      type: active.type as ProbeSettings['type'],
      timeoutMs: Math.min(Math.max(active.timeout * MS_PER_SECOND, 1), MAX_TIMEOUT_MS),
      port: active.port,
      host: active.host ?? rewritten,
      method: active.http_method,
      path: active.http_path,
      body: active.http_req_body,
      headers: active.req_headers ?? [],
      verify: active.https_verify_certificate,
      cert: tls?.client_cert,
      key: tls?.client_key,
      trustedCa,
    },
    concurrency: Math.max(active.concurrency, 1),
    healthyIntervalMs: (healthy?.interval ?? 1) * MS_PER_SECOND,
    unhealthyIntervalMs: (unhealthy?.interval ?? 1) * MS_PER_SECOND,
    healthyStatuses: new Set(healthy?.http_statuses),
    unhealthyStatuses: new Set(unhealthy?.http_statuses),
    thresholds: thresholds(healthy, unhealthy),
  }
}

function passiveThresholds({
  healthy,
  unhealthy,
}: NonNullable<HealthCheck['passive']>): Thresholds {
  return thresholds(healthy, unhealthy)
}

function thresholds(
  healthy: { successes: number } | undefined,
  unhealthy: { http_failures: number; tcp_failures: number; timeouts: number } | undefined,
): Thresholds {
  return {
    successes: healthy?.successes ?? 0,
    http: unhealthy?.http_failures ?? 0,
    tcp: unhealthy?.tcp_failures ?? 0,
    timeout: unhealthy?.timeouts ?? 0,
  }
}
