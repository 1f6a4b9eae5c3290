import type { TSchema } from 'typebox'
import { ConfigError } from '../../model/errors.ts'
import { Type } from '../../model/schema-builder.ts'

const MAX_PORT = 65_535
const DEFAULT_PORT = 6_379
const DEFAULT_TIMEOUT_MS = 1_000
const DEFAULT_IDLE_MS = 10_000
const DEFAULT_SENTINEL_IDLE_MS = 60_000

/** Where the counters of a limit are. */
export type Policy = 'local' | 'redis' | 'redis-cluster' | 'redis-sentinel'

/** How a Redis is reached; equal settings share a connection. */
export interface RedisSettings {
  readonly policy: Exclude<Policy, 'local'>
  readonly nodes: readonly { readonly host: string; readonly port: number }[]
  readonly username: string | undefined
  readonly password: string | undefined
  readonly database: number
  readonly connectTimeoutMs: number
  readonly commandTimeoutMs: number
  /** A connection that nobody used for so long is closed. */
  readonly idleMs: number
  /** Undefined = no TLS. */
  readonly tls: { readonly verify: boolean } | undefined
  readonly sentinel:
    | {
        readonly master: string
        readonly role: 'master' | 'slave'
        readonly username: string | undefined
        readonly password: string | undefined
      }
    | undefined
}

// No defaults here: they would make every local limit look as if it had settings for Redis.
const COMMON = {
  redis_password: text('Password of Redis.', 0),
  redis_keepalive_timeout: integer('Idle connections are closed after this, in ms; 10000.', 1_000),
  redis_keepalive_pool: integer('Connections to keep; a worker uses one for all requests.', 1),
}
const SINGLE = {
  redis_host: text('Host of Redis.', 2),
  redis_port: integer('Port of Redis; 6379.', 1, MAX_PORT),
  redis_username: text('User of Redis, for ACLs.', 1),
  redis_database: integer('Number of the database; 0.', 0),
  redis_timeout: integer('Time-out in ms; 1000.', 1),
  redis_ssl: flag('TLS to Redis; false.'),
  redis_ssl_verify: flag('Verify the certificate of Redis; false.'),
}
const CLUSTER = {
  redis_cluster_nodes: Type.Optional(
    Type.Array(Type.String({ minLength: 2, maxLength: 100 }), {
      minItems: 1,
      description: 'Nodes of the cluster, `host:port`.',
    }),
  ),
  redis_cluster_name: text('Name of the cluster, for people.', 0),
  redis_timeout: SINGLE.redis_timeout,
  redis_cluster_ssl: flag('TLS to the cluster; false.'),
  redis_cluster_ssl_verify: flag('Verify certificates of the cluster; false.'),
}
const SENTINEL = {
  redis_sentinels: Type.Optional(
    Type.Array(
      Type.Object(
        {
          host: Type.String({ minLength: 2 }),
          port: Type.Integer({ minimum: 1, maximum: MAX_PORT }),
        },
        { additionalProperties: false },
      ),
      { minItems: 1, description: 'The Sentinels.' },
    ),
  ),
  redis_master_name: text('Name of the master that the Sentinels watch.', 1),
  redis_role: Type.Optional(
    Type.Union([Type.Literal('master'), Type.Literal('slave')], {
      description: 'Which Redis to use; master. A slave can not count.',
    }),
  ),
  redis_connect_timeout: integer('Time-out for connecting, in ms; 1000.', 1),
  redis_read_timeout: integer('Time-out for an answer, in ms; 1000.', 1),
  redis_database: SINGLE.redis_database,
  redis_username: SINGLE.redis_username,
  sentinel_username: text('User of the Sentinels.', 1),
  sentinel_password: text('Password of the Sentinels.', 0),
}

const FIELDS_OF = {
  redis: { ...COMMON, ...SINGLE },
  'redis-cluster': { ...COMMON, ...CLUSTER },
  'redis-sentinel': {
    redis_password: COMMON.redis_password,
    redis_keepalive_timeout: COMMON.redis_keepalive_timeout,
    ...SENTINEL,
  },
} satisfies Record<RedisSettings['policy'], Record<string, TSchema>>

const REQUIRED = {
  redis: ['redis_host'],
  'redis-cluster': ['redis_cluster_nodes', 'redis_cluster_name'],
  'redis-sentinel': ['redis_sentinels', 'redis_master_name'],
} as const

/** Attributes of plugins that can count in Redis or in a cluster of it. */
export const REDIS_FIELDS = { ...FIELDS_OF.redis, ...FIELDS_OF['redis-cluster'] }

/** And also in what Sentinels watch. */
export const REDIS_SENTINEL_FIELDS = { ...REDIS_FIELDS, ...FIELDS_OF['redis-sentinel'] }

/**
 * Reads the settings of Redis from a plugin's configuration; undefined for the policy `local`.
 * @throws ConfigError for a field that is missing, or that the policy has no use for.
 */
export function readRedisSettings(
  config: Readonly<Record<string, unknown>> & { policy: Policy },
): RedisSettings | undefined {
  const { policy } = config
  const own: Record<string, TSchema> = policy === 'local' ? {} : FIELDS_OF[policy]
  for (const name of Object.keys(REDIS_SENTINEL_FIELDS)) {
    if (config[name] !== undefined && own[name] === undefined) {
      throw new ConfigError('GW_CONFIG_INVALID', `${name} has no meaning for the policy ${policy}`)
    }
  }
  if (policy === 'local') return undefined
  for (const name of REQUIRED[policy]) {
    if (config[name] !== undefined) continue
    throw new ConfigError('GW_CONFIG_INVALID', `property "${name}" is required`)
  }
  return settingsOf(policy, config as Given)
}

interface Given {
  readonly redis_host?: string
  readonly redis_port?: number
  readonly redis_username?: string
  readonly redis_password?: string
  readonly redis_database?: number
  readonly redis_timeout?: number
  readonly redis_connect_timeout?: number
  readonly redis_read_timeout?: number
  readonly redis_keepalive_timeout?: number
  readonly redis_ssl?: boolean
  readonly redis_ssl_verify?: boolean
  readonly redis_cluster_ssl?: boolean
  readonly redis_cluster_ssl_verify?: boolean
  readonly redis_cluster_nodes?: readonly string[]
  readonly redis_sentinels?: readonly { host: string; port: number }[]
  readonly redis_master_name?: string
  readonly redis_role?: 'master' | 'slave'
  readonly sentinel_username?: string
  readonly sentinel_password?: string
}

function settingsOf(policy: RedisSettings['policy'], given: Given): RedisSettings {
  const timeoutMs = given.redis_timeout ?? DEFAULT_TIMEOUT_MS
  const isSentinel = policy === 'redis-sentinel'
  const verify = given.redis_ssl_verify ?? given.redis_cluster_ssl_verify ?? false
  return {
    policy,
    nodes: nodesOf(policy, given),
    username: given.redis_username,
    // An empty password stands for none.
    password: given.redis_password || undefined,
    database: given.redis_database ?? 0,
    connectTimeoutMs: given.redis_connect_timeout ?? timeoutMs,
    commandTimeoutMs: given.redis_read_timeout ?? timeoutMs,
    idleMs:
      given.redis_keepalive_timeout ?? (isSentinel ? DEFAULT_SENTINEL_IDLE_MS : DEFAULT_IDLE_MS),
    tls: (given.redis_ssl ?? given.redis_cluster_ssl ?? false) ? { verify } : undefined,
    sentinel: isSentinel
      ? {
          master: given.redis_master_name ?? '',
          role: given.redis_role ?? 'master',
          username: given.sentinel_username,
          password: given.sentinel_password || undefined,
        }
      : undefined,
  }
}

function nodesOf(policy: RedisSettings['policy'], given: Given): RedisSettings['nodes'] {
  if (policy === 'redis') {
    return [{ host: given.redis_host ?? '', port: given.redis_port ?? DEFAULT_PORT }]
  }
  if (policy === 'redis-sentinel') return given.redis_sentinels ?? []
  return (given.redis_cluster_nodes ?? []).map(nodeOf)
}

/** `host`, `host:port` or `[address]:port`. @throws ConfigError */
function nodeOf(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3] ?? DEFAULT_PORT)
  if (host !== undefined && port >= 1 && port <= MAX_PORT) return { host, port }
  throw new ConfigError('GW_CONFIG_INVALID', `redis_cluster_nodes: "${text}" is not host:port`)
}

function text(description: string, minLength: number) {
  return Type.Optional(Type.String({ minLength, description }))
}

function integer(description: string, minimum: number, maximum?: number) {
  const bounds = maximum === undefined ? { minimum } : { minimum, maximum }
  return Type.Optional(Type.Integer({ ...bounds, description }))
}

function flag(description: string) {
  return Type.Optional(Type.Boolean({ description }))
}
