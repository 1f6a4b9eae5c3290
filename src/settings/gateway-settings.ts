import type { Static } from 'typebox'
import { Type } from '../model/schema-builder.ts'
import { CATALOGUE } from './catalogue.ts'
import { DRAIN_WAIT_MS } from './drain-presets.ts'
import { toFallbackSettings } from './fallback-settings.ts'
import { toKeys } from './keyring-settings.ts'
import { loadSettings, SettingsError, type SettingsSource } from './load-settings.ts'
import { toAccessLogSettings, toMetricSettings } from './observability-settings.ts'
import { toPluginSettings } from './plugin-settings.ts'
import { toRoutingSettings } from './routing-settings.ts'
import { toDnsSettings, toUpstreamOptions } from './upstream-settings.ts'

/** What `holdfast gateway` reads. */
const GATEWAY_SCHEMA = Type.Object({
  ...Type.Omit(Type.Object(CATALOGUE), ['HOLDFAST_ADMIN_KEY', 'HOLDFAST_ADMIN_LISTEN']).properties,
  HOLDFAST_DATABASE_URL: Type.Optional(CATALOGUE.HOLDFAST_DATABASE_URL),
  HOLDFAST_CONFIG_FILE: Type.Optional(CATALOGUE.HOLDFAST_CONFIG_FILE),
})

/** What only one provider needs, and that one can't do without. */
const REQUIRED_BY = {
  postgres: { HOLDFAST_DATABASE_URL: CATALOGUE.HOLDFAST_DATABASE_URL },
  file: { HOLDFAST_CONFIG_FILE: CATALOGUE.HOLDFAST_CONFIG_FILE },
  s3: {},
}

export type GatewaySettings = ReturnType<typeof toGatewaySettings>

/** Settings of the gateway, decoded; throws SettingsError. */
export function loadGatewaySettings(source: SettingsSource = {}): GatewaySettings {
  const required = REQUIRED_BY[loadProvider(source)]
  const schema = Type.Object({ ...GATEWAY_SCHEMA.properties, ...required })
  const { values, envFile } = loadSettings(schema, source)
  const settings = toGatewaySettings(values as Static<typeof GATEWAY_SCHEMA>, envFile)
  if (settings.configProvider === 's3' && settings.fallback === undefined) {
    throw new SettingsError([
      'HOLDFAST_FALLBACK_S3_RESOURCE_BUCKET is not set; allowed: a bucket, for the provider s3',
    ])
  }
  return settings
}

/** What else is wrong is said when all settings are read. */
function loadProvider(source: SettingsSource): keyof typeof REQUIRED_BY {
  const { HOLDFAST_CONFIG_PROVIDER } = CATALOGUE
  try {
    const { values } = loadSettings(Type.Object({ HOLDFAST_CONFIG_PROVIDER }), source)
    return values.HOLDFAST_CONFIG_PROVIDER
  } catch {
    return 'postgres'
  }
}

function toGatewaySettings(values: Static<typeof GATEWAY_SCHEMA>, envFile: string | undefined) {
  return {
    /** The file that the settings were read from, if any. */
    envFile,
    /** Absolute. */
    dataDir: values.HOLDFAST_DATA_DIR,
    /** Set when the provider is postgres. */
    databaseUrl: values.HOLDFAST_DATABASE_URL,
    /** For LISTEN, which needs a session of its own. */
    databaseListenUrl: values.HOLDFAST_DATABASE_LISTEN_URL ?? values.HOLDFAST_DATABASE_URL,
    gatewayGroup: values.HOLDFAST_GATEWAY_GROUP,
    /** They decrypt what the control plane encrypted. */
    keys: toKeys(values),
    configProvider: values.HOLDFAST_CONFIG_PROVIDER,
    /** Absolute; set when the provider is file. */
    configFile: values.HOLDFAST_CONFIG_FILE,
    bootGraceMs: values.HOLDFAST_BOOT_GRACE_MS,
    backupGenerations: values.HOLDFAST_BACKUP_GENERATIONS,
    pollIntervalMs: values.HOLDFAST_POLL_INTERVAL_MS,
    heartbeatMs: values.HOLDFAST_INSTANCE_HEARTBEAT_MS,
    logLevel: values.HOLDFAST_LOG_LEVEL,
    workers: values.HOLDFAST_WORKERS,
    drainTimeoutMs: values.HOLDFAST_DRAIN_TIMEOUT_MS,
    /** How long a stopping gateway still accepts, unready, before it closes its listeners. */
    drainWaitMs: values.HOLDFAST_DRAIN_WAIT_MS ?? DRAIN_WAIT_MS[values.HOLDFAST_DRAIN_PRESET],
    /** Answered by the workers on the traffic port; undefined = none. */
    healthPath: values.HOLDFAST_HEALTH_PATH,
    /** Undefined = stdout. */
    logFile: values.HOLDFAST_LOG_FILE,
    httpListen: values.HOLDFAST_HTTP_LISTEN,
    statusListen: values.HOLDFAST_STATUS_LISTEN,
    metricsListen: values.HOLDFAST_METRICS_LISTEN,
    /** Undefined = off. */
    controlApiListen: values.HOLDFAST_CONTROL_API_LISTEN,
    health: {
      /** Active checks under way at once. */
      concurrency: values.HOLDFAST_HEALTH_CHECK_CONCURRENCY,
      /** What was known of nodes before the start counts if it is not older. */
      maxAgeMs: values.HOLDFAST_HEALTH_MAX_AGE_MS,
    },
    http: {
      maxHeaderBytes: values.HOLDFAST_HTTP_MAX_HEADER_BYTES,
      maxHeaders: values.HOLDFAST_HTTP_MAX_HEADERS,
      maxUrlBytes: values.HOLDFAST_HTTP_MAX_URL_BYTES,
      /** 0 = unlimited. */
      maxBodyBytes: values.HOLDFAST_HTTP_MAX_BODY_BYTES,
      /** Most of a body that plugins may hold in memory. */
      maxBufferedBodyBytes: values.HOLDFAST_HTTP_MAX_BUFFERED_BODY_BYTES,
      /** Of all bodies of one worker; undefined = a share of what it may hold. */
      maxBufferedBytes: values.HOLDFAST_HTTP_MAX_BUFFERED_BYTES,
      headerTimeoutMs: values.HOLDFAST_HTTP_HEADER_TIMEOUT_MS,
      bodyTimeoutMs: values.HOLDFAST_HTTP_BODY_TIMEOUT_MS,
      keepAliveTimeoutMs: values.HOLDFAST_HTTP_KEEPALIVE_TIMEOUT_MS,
      sendTimeoutMs: values.HOLDFAST_HTTP_SEND_TIMEOUT_MS,
      halfCloseTimeoutMs: values.HOLDFAST_HTTP_HALF_CLOSE_TIMEOUT_MS,
      maxRequestsPerConnection: values.HOLDFAST_HTTP_MAX_REQUESTS_PER_CONNECTION,
      underscoresInHeaders: values.HOLDFAST_HTTP_UNDERSCORES_IN_HEADERS,
      maxConnections: values.HOLDFAST_HTTP_MAX_CONNECTIONS,
      maxPendingRequests: values.HOLDFAST_HTTP_MAX_PENDING_REQUESTS,
    },
    overloadLoopDelayMs: values.HOLDFAST_OVERLOAD_LOOP_DELAY_MS,
    watch: {
      stallMs: values.HOLDFAST_WORKER_STALL_MS,
      stallKillMs: values.HOLDFAST_WORKER_STALL_KILL_MS,
      /** Undefined = a share of the machine's memory; 0 = no limit. */
      maxResidentBytes: values.HOLDFAST_WORKER_MAX_RSS_MB,
    },
    routing: toRoutingSettings(values),
    plugins: toPluginSettings(values),
    /** What plugins count of requests. */
    metrics: toMetricSettings(values),
    /** Undefined: none. */
    accessLog: toAccessLogSettings(values),
    /** Undefined: no copy in S3. */
    fallback: toFallbackSettings(values),
    /** CIDR notation. */
    trustedProxies: values.HOLDFAST_TRUSTED_PROXIES,
    upstream: {
      connectTimeoutMs: values.HOLDFAST_UPSTREAM_CONNECT_TIMEOUT_MS,
      sendTimeoutMs: values.HOLDFAST_UPSTREAM_SEND_TIMEOUT_MS,
      readTimeoutMs: values.HOLDFAST_UPSTREAM_READ_TIMEOUT_MS,
      ...toUpstreamOptions(values),
    },
    /** How old a secret of a manager may be before it is read again. */
    secretTtlMs: values.HOLDFAST_SECRET_TTL_MS,
    /** How names of nodes are resolved. */
    dns: toDnsSettings(values),
  }
}
