import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { droppedLogLines } from '../support/logger.ts'
import { registerApisixMetrics } from './apisix-metrics.ts'
import { TIERS } from './config-tier.ts'
import { registerNodeHealth } from './health/node-metrics.ts'
import {
  degradedReason,
  missingGlobalRules,
  quarantinedObjects,
  type StatusParts,
} from './status.ts'

/** A piece of text: large enough to be worth a write, small enough to leave room for other work. */
const PIECE_LENGTH = 65_536

export interface Metrics {
  /** In pieces: ten thousands of series are some megabytes. */
  text(): AsyncGenerator<string>
  type: string
}

/** Prometheus' text of the daemon's state; the values are read when it is asked for. */
export function createMetrics(parts: StatusParts): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'holdfast_primary_' })

  function gauge(name: string, help: string, value: (source: StatusParts) => number): void {
    new Gauge({
      name: `holdfast_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(value(parts))
      },
    })
  }

  function labelled(
    type: typeof Gauge | typeof Counter,
    name: string,
    help: string,
    label: string,
    values: (source: StatusParts) => Iterable<readonly [string, number]>,
  ): void {
    new type({
      name: `holdfast_${name}`,
      help,
      labelNames: [label],
      registers: [registry],
      collect(this: Gauge | Counter) {
        this.reset()
        for (const [key, count] of values(parts)) this.inc({ [label]: key }, count)
      },
    })
  }

  function counter(name: string, help: string, value: (source: StatusParts) => number): void {
    new Counter({
      name: `holdfast_${name}`,
      help,
      registers: [registry],
      collect() {
        this.reset()
        this.inc(value(parts))
      },
    })
  }

  labelled(Gauge, 'info', 'Always 1; the version is in the label.', 'version', ({ version }) => [
    [version, 1],
  ])
  gauge(
    'config_revision',
    'Revision of the configuration.',
    (s) => s.config.serving?.source.mark.revision ?? 0,
  )
  labelled(Gauge, 'config_tier', 'Where the configuration came from: 1 = there.', 'tier', (s) =>
    TIERS.map((tier) => [tier, tier === s.config.state.tier ? 1 : 0] as const),
  )
  gauge(
    'config_source_connected',
    '1 while the source that the instance follows can be read.',
    (s) => +s.config.state.connected,
  )
  gauge(
    'config_source_empty',
    '1 while the source is refused because it is empty.',
    (s) => +s.config.refusesEmpty,
  )
  gauge(
    'config_age_seconds',
    'Time since the served configuration was last known to be current; 0 = it is.',
    (s) => s.config.ageSeconds,
  )
  gauge(
    'config_quarantined',
    'Objects that are not served as written.',
    (s) => quarantinedObjects(s).length,
  )
  gauge(
    'global_rules_missing',
    'Global rules that do not run, since no version of them can be served: requests pass without them.',
    (s) => missingGlobalRules(s).length,
  )
  gauge('backup_revision', 'Revision of the backup on disk.', (s) => s.backup.state.revision ?? 0)
  gauge(
    'backup_failing',
    '1 while the backup can not be written.',
    (s) => +(s.backup.state.error !== undefined),
  )

  gauge('workers_wanted', 'Workers that should serve.', (s) => s.workersWanted)
  gauge(
    'workers_serving',
    'Workers that take connections.',
    (s) => s.supervisor.links.filter((link) => link.serving).length,
  )
  counter(
    'worker_restarts_total',
    'Workers replaced because they ended.',
    (s) => s.supervisor.restarts,
  )
  counter('worker_stalls_total', 'Times that a worker fell silent.', (s) => s.supervisor.stalls)
  counter(
    'worker_memory_replacements_total',
    'Workers replaced for the memory they held.',
    (s) => s.supervisor.memoryReplacements,
  )
  counter(
    'config_refused_revisions_total',
    'Revisions taken back because workers died of them.',
    (s) => s.supervisor.blame.refusals,
  )
  gauge(
    'degraded',
    '1 while fewer workers serve than should, a revision is refused, or a global rule does not run.',
    (s) => +(degradedReason(s) !== undefined),
  )
  labelled(Gauge, 'worker_revision', 'Revision that the worker serves.', 'worker', (s) =>
    s.supervisor.links.map((link) => [String(link.id), link.applied?.revision ?? 0] as const),
  )
  gauge(
    'worker_event_loop_delay_p99_seconds',
    'Worst 99th percentile of all workers in the last half second.',
    (s) => s.supervisor.stats.eventLoopDelayP99Ms / 1000,
  )
  counter(
    'log_lines_dropped_total',
    'Log lines that were lost: their reader did not read, or the file could not be written.',
    (s) => s.supervisor.stats.droppedLogLines + droppedLogLines(),
  )
  gauge('worker_resident_bytes', 'Memory of all workers.', (s) => s.supervisor.stats.residentBytes)

  gauge('http_connections', 'Open client connections.', (s) => s.supervisor.stats.connections)
  counter(
    'http_connections_total',
    'Client connections.',
    (s) => s.supervisor.stats.connectionsTotal,
  )
  gauge(
    'http_requests_in_flight',
    'Requests being answered.',
    (s) => s.supervisor.stats.requestsInFlight,
  )
  labelled(Counter, 'http_requests_total', 'Requests answered, by status.', 'status', (s) =>
    Object.entries(s.supervisor.stats.requestsByStatus),
  )
  labelled(
    Counter,
    'http_refused_total',
    'Requests refused as malformed or over a limit before they were routed, by status.',
    'status',
    (s) => Object.entries(s.supervisor.stats.refusedByStatus),
  )
  labelled(
    Counter,
    'http_refusals_total',
    'Requests refused as malformed, too large or too slow, also in the middle of their bodies, by reason.',
    'reason',
    (s) => Object.entries(s.supervisor.stats.refusedByReason),
  )
  labelled(
    Counter,
    'shed_total',
    'Requests and connections turned away for lack of capacity, by reason.',
    'reason',
    (s) => Object.entries({ ...s.supervisor.stats.shed, 'hand-over': s.refusedConnections() }),
  )
  gauge(
    'http_buffered_bytes',
    'Bytes of bodies that workers hold in memory, for plugins that want them.',
    (s) => s.supervisor.stats.bufferedBytes,
  )
  counter('http_sent_bytes_total', 'Response body bytes sent.', (s) => s.supervisor.stats.bytesSent)
  counter(
    'dns_failures_total',
    'Look-ups of names of nodes that failed.',
    (s) => s.supervisor.stats.nameFailures,
  )
  gauge(
    'dns_names_failing',
    'Names of nodes whose last look-up failed; their last answer serves on.',
    (s) => s.supervisor.stats.namesFailing,
  )
  counter(
    'upstream_retries_total',
    'Requests sent to another node.',
    (s) => s.supervisor.stats.upstreamRetries,
  )
  labelled(Counter, 'upstream_errors_total', 'Requests no node answered.', 'code', (s) =>
    Object.entries(s.supervisor.stats.upstreamErrors),
  )

  labelled(Counter, 'plugin_errors_total', 'Plugins that threw, by their name.', 'plugin', (s) =>
    Object.entries(s.supervisor.stats.pluginErrors),
  )

  labelled(Gauge, 'quota_keys', 'Keys that limits count by, by kind.', 'kind', (s) =>
    Object.entries(s.quota.keys),
  )
  counter(
    'quota_evicted_total',
    'Keys whose counters were forgotten early, since there were too many.',
    (s) => s.quota.evicted,
  )

  labelled(Gauge, 'metric_series', 'Label sets of metrics that plugins count.', 'metric', (s) =>
    s.metrics.sizes.entries(),
  )
  labelled(
    Counter,
    'metric_series_overflowed_total',
    'Label sets that were counted as overflow, since there were too many.',
    'metric',
    (s) => s.metrics.overflowed.entries(),
  )

  labelled(Gauge, 'secrets', 'References to secrets of managers, by state.', 'state', (s) =>
    Object.entries(s.secrets.counts),
  )
  labelled(
    Counter,
    'secret_failures_total',
    'Reads of secrets that failed; the last value serves on.',
    'manager',
    (s) => s.secrets.managers.map(({ id, failures }) => [id, failures] as const),
  )

  registerNodeHealth(registry, parts.health)
  registerApisixMetrics(registry, parts)

  return { text: () => wholeText(registry, parts), type: registry.contentType }
}

async function* wholeText(registry: Registry, { metrics }: StatusParts): AsyncGenerator<string> {
  let piece = await registry.metrics()
  for (const text of metrics.text()) {
    piece += text
    if (piece.length < PIECE_LENGTH) continue
    yield piece
    piece = ''
  }
  yield piece
}
