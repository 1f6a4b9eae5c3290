import Type, { type Static } from 'typebox'
import { CATALOGUE } from './catalogue.ts'
import { loadSettings, type SettingsSource } from './load-settings.ts'

/** What `holdfast gateway` reads. */
export const GATEWAY_SCHEMA = Type.Omit(Type.Object(CATALOGUE), [
  'HOLDFAST_ADMIN_KEY',
  'HOLDFAST_ADMIN_LISTEN',
])

export type GatewaySettings = ReturnType<typeof toGatewaySettings>

/** Settings of the gateway, decoded; throws SettingsError. */
export function loadGatewaySettings(source: SettingsSource = {}): GatewaySettings {
  const { values, envFile } = loadSettings(GATEWAY_SCHEMA, source)
  return toGatewaySettings(values, envFile)
}

function toGatewaySettings(values: Static<typeof GATEWAY_SCHEMA>, envFile: string | undefined) {
  return {
    /** The file that the settings were read from, if any. */
    envFile,
    /** Absolute. */
    dataDir: values.HOLDFAST_DATA_DIR,
    databaseUrl: values.HOLDFAST_DATABASE_URL,
    gatewayGroup: values.HOLDFAST_GATEWAY_GROUP,
    configProvider: values.HOLDFAST_CONFIG_PROVIDER,
    pollIntervalMs: values.HOLDFAST_POLL_INTERVAL_MS,
    logLevel: values.HOLDFAST_LOG_LEVEL,
    workers: values.HOLDFAST_WORKERS,
    drainTimeoutMs: values.HOLDFAST_DRAIN_TIMEOUT_MS,
    httpListen: values.HOLDFAST_HTTP_LISTEN,
    statusListen: values.HOLDFAST_STATUS_LISTEN,
    metricsListen: values.HOLDFAST_METRICS_LISTEN,
    http: {
      maxHeaderBytes: values.HOLDFAST_HTTP_MAX_HEADER_BYTES,
      maxHeaders: values.HOLDFAST_HTTP_MAX_HEADERS,
      maxUrlBytes: values.HOLDFAST_HTTP_MAX_URL_BYTES,
      /** 0 = unlimited. */
      maxBodyBytes: values.HOLDFAST_HTTP_MAX_BODY_BYTES,
      headerTimeoutMs: values.HOLDFAST_HTTP_HEADER_TIMEOUT_MS,
      bodyTimeoutMs: values.HOLDFAST_HTTP_BODY_TIMEOUT_MS,
      keepAliveTimeoutMs: values.HOLDFAST_HTTP_KEEPALIVE_TIMEOUT_MS,
      sendTimeoutMs: values.HOLDFAST_HTTP_SEND_TIMEOUT_MS,
      maxRequestsPerConnection: values.HOLDFAST_HTTP_MAX_REQUESTS_PER_CONNECTION,
      underscoresInHeaders: values.HOLDFAST_HTTP_UNDERSCORES_IN_HEADERS,
    },
    /** CIDR notation. */
    trustedProxies: values.HOLDFAST_TRUSTED_PROXIES,
    upstream: {
      connectTimeoutMs: values.HOLDFAST_UPSTREAM_CONNECT_TIMEOUT_MS,
      sendTimeoutMs: values.HOLDFAST_UPSTREAM_SEND_TIMEOUT_MS,
      readTimeoutMs: values.HOLDFAST_UPSTREAM_READ_TIMEOUT_MS,
    },
  }
}
