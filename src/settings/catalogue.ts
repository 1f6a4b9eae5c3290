import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { MIN_STALL_MS } from '../model/ipc.ts'
import { Type } from '../model/schema-builder.ts'
import { LOG_LEVELS } from '../support/logger.ts'
import { ADMIN_API_CATALOGUE, decodeAdminKey } from './admin-api-settings.ts'
import { decodeCidrs } from './cidr.ts'
import { decodeDatabaseUrl } from './database-url.ts'
import { DRAIN_WAIT_MS } from './drain-presets.ts'
import { FALLBACK_CATALOGUE } from './fallback-settings.ts'
import { KEYRING_CATALOGUE } from './keyring-settings.ts'
import {
  decodeListenAddress,
  decodeListenAddresses,
  LISTEN_ADDRESS_FORMS,
} from './listen-address.ts'
import { OBSERVABILITY_CATALOGUE } from './observability-settings.ts'
import { PLUGIN_CATALOGUE } from './plugin-settings.ts'
import { ROUTING_CATALOGUE } from './routing-settings.ts'
import { choice, integer, setting, toInteger } from './setting.ts'
import { UPSTREAM_CATALOGUE } from './upstream-settings.ts'

const MAX_TIMEOUT_MS = 3_600_000
const MAX_INSTANCE_AGE_MS = 365 * 24 * 3_600_000
const MAX_WORKERS = 256
const MIB = 1024 * 1024

function timeoutMs(fallback: number) {
  // Not 0: in most servers it means "never", which is how connections pile up.
  return integer({ default: fallback, min: 1, max: MAX_TIMEOUT_MS, unit: 'milliseconds' })
}

function instanceAge(fallback: number) {
  return integer({ default: fallback, min: 200, max: MAX_INSTANCE_AGE_MS, unit: 'milliseconds' })
}

function listenAddress(fallback: string) {
  return setting({ allowed: LISTEN_ADDRESS_FORMS, default: fallback, decode: decodeListenAddress })
}

/** Every setting of every role, as conf/holdfast.env.example documents them. A role picks its own. */
export const CATALOGUE = {
  HOLDFAST_DATA_DIR: setting({
    allowed: 'a folder',
    default: './.holdfast',
    decode: (text) => resolve(text),
  }),
  HOLDFAST_DATABASE_URL: setting({
    allowed: 'postgres://USER:PASSWORD@HOST:PORT[,HOST:PORT…]/DATABASE[?PARAMETERS]',
    secret: true,
    decode: decodeDatabaseUrl,
  }),
  HOLDFAST_DATABASE_LISTEN_URL: Type.Optional(
    setting({
      allowed: 'as HOLDFAST_DATABASE_URL, but past a pooler',
      secret: true,
      decode: decodeDatabaseUrl,
    }),
  ),
  HOLDFAST_ADMIN_KEY: setting({
    allowed: '1 to 256 printable ASCII characters without spaces',
    secret: true,
    decode: decodeAdminKey,
  }),
  ...ADMIN_API_CATALOGUE,
  ...KEYRING_CATALOGUE,
  HOLDFAST_GATEWAY_GROUP: setting({
    allowed: '1 to 64 letters, digits, dots, hyphens and underscores',
    default: 'default',
    decode: decodeGatewayGroup,
  }),
  HOLDFAST_CONFIG_PROVIDER: choice(['postgres', 'file', 's3'], 'postgres'),
  HOLDFAST_CONFIG_FILE: setting({ allowed: 'a file', decode: (text) => resolve(text) }),
  HOLDFAST_BOOT_GRACE_MS: integer({ default: 1_500, min: 0, max: 60_000, unit: 'milliseconds' }),
  HOLDFAST_BACKUP_GENERATIONS: integer({ default: 5, min: 2, max: 100 }),
  HOLDFAST_POLL_INTERVAL_MS: integer({
    default: 2_000,
    min: 100,
    max: 60_000,
    unit: 'milliseconds',
  }),
  HOLDFAST_INSTANCE_HEARTBEAT_MS: integer({
    default: 5_000,
    min: 100,
    max: 300_000,
    unit: 'milliseconds',
  }),
  HOLDFAST_INSTANCE_LOST_AFTER_MS: instanceAge(10_000),
  HOLDFAST_INSTANCE_OFFLINE_AFTER_MS: instanceAge(2 * 3_600_000),
  HOLDFAST_INSTANCE_PURGE_AFTER_MS: instanceAge(7 * 24 * 3_600_000),
  HOLDFAST_LOG_LEVEL: choice(LOG_LEVELS, 'info'),

  HOLDFAST_HTTP_LISTEN: setting({
    allowed: `comma-separated ${LISTEN_ADDRESS_FORMS}`,
    default: '0.0.0.0:9080',
    decode: decodeListenAddresses,
  }),
  HOLDFAST_ADMIN_LISTEN: listenAddress('127.0.0.1:9180'),
  HOLDFAST_STATUS_LISTEN: listenAddress('127.0.0.1:7085'),
  HOLDFAST_METRICS_LISTEN: listenAddress('127.0.0.1:9091'),
  HOLDFAST_CONTROL_API_LISTEN: setting({
    allowed: `off, or ${LISTEN_ADDRESS_FORMS}`,
    default: '127.0.0.1:9090',
    decode: (text) => (text === 'off' ? undefined : decodeListenAddress(text)),
  }),

  HOLDFAST_WORKERS: setting({
    allowed: `auto (one per core), or an integer from 1 to ${MAX_WORKERS}`,
    default: 'auto',
    decode: decodeWorkers,
  }),
  HOLDFAST_WORKER_STALL_MS: integer({
    default: 2_000,
    min: MIN_STALL_MS,
    max: MAX_TIMEOUT_MS,
    unit: 'milliseconds',
  }),
  HOLDFAST_WORKER_STALL_KILL_MS: integer({
    default: 10_000,
    min: 2_000,
    max: MAX_TIMEOUT_MS,
    unit: 'milliseconds',
  }),
  HOLDFAST_WORKER_MAX_RSS_MB: setting({
    allowed: 'auto (a share of the memory), 0 (no limit), or an integer from 32 to 1048576',
    default: 'auto',
    decode: (text) => {
      if (text === 'auto') return undefined
      return text === '0' ? 0 : toInteger(text, 32, MIB) * MIB
    },
  }),
  HOLDFAST_DRAIN_TIMEOUT_MS: timeoutMs(30_000),
  HOLDFAST_DRAIN_PRESET: choice(
    Object.keys(DRAIN_WAIT_MS) as (keyof typeof DRAIN_WAIT_MS)[],
    'none',
  ),
  HOLDFAST_DRAIN_WAIT_MS: setting({
    allowed: `preset, or whole milliseconds from 0 to ${MAX_TIMEOUT_MS}`,
    default: 'preset',
    decode: (text) => (text === 'preset' ? undefined : toInteger(text, 0, MAX_TIMEOUT_MS)),
  }),
  HOLDFAST_HEALTH_PATH: Type.Optional(
    setting({ allowed: 'a path such as /-/healthy, without query', decode: decodeHealthPath }),
  ),
  HOLDFAST_LOG_FILE: Type.Optional(setting({ allowed: 'a file', decode: (text) => resolve(text) })),

  HOLDFAST_HTTP_MAX_HEADER_BYTES: integer({ default: 32_768, min: 1_024, max: MIB, unit: 'bytes' }),
  HOLDFAST_HTTP_MAX_HEADERS: integer({ default: 100, min: 10, max: 10_000 }),
  HOLDFAST_HTTP_MAX_URL_BYTES: integer({ default: 8_192, min: 64, max: MIB, unit: 'bytes' }),
  HOLDFAST_HTTP_MAX_BODY_BYTES: integer({
    default: 0,
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    unit: 'bytes',
  }),
  HOLDFAST_HTTP_MAX_BUFFERED_BODY_BYTES: integer({
    default: 8 * MIB,
    min: 0,
    max: 1024 * MIB,
    unit: 'bytes',
  }),
  HOLDFAST_HTTP_MAX_BUFFERED_BYTES: setting({
    allowed: `auto (a quarter of what a worker may hold), or whole bytes from ${MIB} to ${MIB * MIB}`,
    default: 'auto',
    decode: (text) => (text === 'auto' ? undefined : toInteger(text, MIB, MIB * MIB)),
  }),
  HOLDFAST_HTTP_HEADER_TIMEOUT_MS: timeoutMs(10_000),
  HOLDFAST_HTTP_BODY_TIMEOUT_MS: timeoutMs(30_000),
  HOLDFAST_HTTP_KEEPALIVE_TIMEOUT_MS: timeoutMs(60_000),
  HOLDFAST_HTTP_SEND_TIMEOUT_MS: timeoutMs(30_000),
  HOLDFAST_HTTP_HALF_CLOSE_TIMEOUT_MS: integer({
    default: 1_000,
    min: 0,
    max: MAX_TIMEOUT_MS,
    unit: 'milliseconds',
  }),
  HOLDFAST_HTTP_MAX_REQUESTS_PER_CONNECTION: integer({ default: 10_000, min: 1, max: 1e9 }),
  HOLDFAST_HTTP_UNDERSCORES_IN_HEADERS: choice(['reject', 'drop', 'allow'], 'reject'),
  HOLDFAST_HTTP_MAX_CONNECTIONS: integer({ default: 10_000, min: 1, max: 1_000_000 }),
  HOLDFAST_HTTP_MAX_PENDING_REQUESTS: integer({ default: 5_000, min: 1, max: 1_000_000 }),
  HOLDFAST_OVERLOAD_LOOP_DELAY_MS: integer({
    default: 300,
    min: 0,
    max: 60_000,
    unit: 'milliseconds',
  }),
  HOLDFAST_TRUSTED_PROXIES: setting({
    allowed: 'comma-separated IP addresses and networks (10.0.0.0/8,fd00::/8)',
    default: '',
    decode: (text) => (text === '' ? [] : decodeCidrs(text)),
  }),

  HOLDFAST_UPSTREAM_CONNECT_TIMEOUT_MS: timeoutMs(5_000),
  HOLDFAST_UPSTREAM_SEND_TIMEOUT_MS: timeoutMs(60_000),
  HOLDFAST_UPSTREAM_READ_TIMEOUT_MS: timeoutMs(60_000),
  ...UPSTREAM_CATALOGUE,
  HOLDFAST_HEALTH_CHECK_CONCURRENCY: integer({ default: 256, min: 1, max: 10_000 }),
  HOLDFAST_HEALTH_MAX_AGE_MS: integer({
    default: 600_000,
    min: 0,
    max: 86_400_000,
    unit: 'milliseconds',
  }),

  HOLDFAST_SECRET_TTL_MS: integer({
    default: 300_000,
    min: 1_000,
    max: 86_400_000,
    unit: 'milliseconds',
  }),

  ...ROUTING_CATALOGUE,
  ...PLUGIN_CATALOGUE,
  ...OBSERVABILITY_CATALOGUE,
  ...FALLBACK_CATALOGUE,
}

export type SettingName = keyof typeof CATALOGUE

/** Names the file where the others are; it can only stand in the process environment. */
export const ENV_FILE_VARIABLE = 'HOLDFAST_ENV_FILE'

function decodeGatewayGroup(text: string): string {
  if (!/^[\w.-]{1,64}$/.test(text)) throw new Error('not a name of a gateway group')
  return text
}

function decodeWorkers(text: string): number {
  if (text === 'auto') return Math.min(availableParallelism(), MAX_WORKERS)
  return toInteger(text, 1, MAX_WORKERS)
}

function decodeHealthPath(text: string): string {
  if (!/^\/[!-~]{0,255}$/.test(text) || /[?#]/.test(text)) throw new Error('not a path')
  return text
}
