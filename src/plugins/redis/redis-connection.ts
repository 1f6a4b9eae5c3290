import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import type { Cluster, Redis } from 'ioredis'
import { GatewayError } from '../../model/errors.ts'
import { backoffMs } from '../../support/backoff.ts'
import type { RedisSettings } from './redis-fields.ts'

const RETRY = { baseMs: 200, maxMs: 2_000 }

const require = createRequire(import.meta.url)

export interface RedisConnection {
  /** Runs a script on one key. @throws GatewayError GW_QUOTA_UNAVAILABLE */
  run(script: string, key: string, args: readonly (string | number)[]): Promise<unknown>
  /** No more use for it; the last one to say so closes it. */
  release(): void
}

const shared = new Map<string, { connection: SharedConnection; users: number }>()

/** The connection of this process to that Redis: made with the first request that needs it. */
export function openRedis(settings: RedisSettings): RedisConnection {
  const name = JSON.stringify(settings)
  const entry = shared.get(name) ?? { connection: new SharedConnection(settings), users: 0 }
  shared.set(name, entry)
  entry.users += 1
  let open = true
  return {
    run: (script, key, args) => entry.connection.run(script, key, args),
    release() {
      if (!open) return
      open = false
      entry.users -= 1
      if (entry.users > 0) return
      shared.delete(name)
      entry.connection.close()
    },
  }
}

/**
 * States: closed → opening → ready ⇄ down. While it is down requests fail at once, and it comes
 * back by itself; nobody uses it for `idleMs`: closed.
 */
class SharedConnection {
  readonly #settings: RedisSettings
  #client: Redis | Cluster | undefined
  #opening: Promise<void> | undefined
  #lastError: Error | undefined
  /** Why nothing may be counted there though it answers: the client would go on in database 0. */
  #refusal: Error | undefined
  #usedAtMs = 0
  #idleTimer: NodeJS.Timeout | undefined

  constructor(settings: RedisSettings) {
    this.#settings = settings
  }

  async run(script: string, key: string, args: readonly (string | number)[]): Promise<unknown> {
    this.#usedAtMs = performance.now()
    const client = this.#client ?? this.#open()
    try {
      if (client.status !== 'ready') await this.#wait()
      if (this.#refusal !== undefined) throw this.#refusal
      return await evaluate(client, script, key, args)
    } catch (cause) {
      const reason = (this.#lastError ?? (cause as Error)).message
      throw new GatewayError('GW_QUOTA_UNAVAILABLE', `Redis: ${reason}`, { cause })
    }
  }

  close(): void {
    clearTimeout(this.#idleTimer)
    this.#client?.disconnect()
    this.#client = undefined
    this.#opening = undefined
  }

  /** Those who come while it opens wait for it, with a deadline; later ones find it up or down. */
  async #wait(): Promise<void> {
    if (this.#opening === undefined) throw new Error('not connected')
    await this.#opening
  }

  #open(): Redis | Cluster {
    const client = createClient(this.#settings)
    this.#client = client
    client.on('connect', () => {
      this.#refusal = undefined
    })
    client.on('error', (error: Error & { command?: { name?: string } }) => {
      this.#lastError = error
      if (error.command?.name === 'select') this.#refusal = error
    })
    client.on('ready', () => {
      this.#lastError = undefined
    })
    this.#opening = this.#connect(client).finally(() => {
      this.#opening = undefined
    })
    this.#opening.catch(() => {})
    this.#closeWhenIdle()
    return client
  }

  async #connect(client: Redis | Cluster): Promise<void> {
    const { connectTimeoutMs } = this.#settings
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(() => late.reject(new Error('connect timed out')), connectTimeoutMs)
    try {
      await Promise.race([client.connect(), late.promise])
    } finally {
      clearTimeout(timer)
    }
  }

  #closeWhenIdle(): void {
    const { idleMs } = this.#settings
    clearTimeout(this.#idleTimer)
    this.#idleTimer = setTimeout(() => {
      if (performance.now() - this.#usedAtMs >= idleMs) this.close()
      else this.#closeWhenIdle()
    }, idleMs)
    this.#idleTimer.unref()
  }
}

function createClient(settings: RedisSettings): Redis | Cluster {
  // Only gateways that have a limit in Redis need to load this.
  const ioredis = require('ioredis') as typeof import('ioredis')
  const { policy, nodes, sentinel, database, tls } = settings
  const common = {
    connectTimeout: settings.connectTimeoutMs,
    commandTimeout: settings.commandTimeoutMs,
    ...(settings.username === undefined ? {} : { username: settings.username }),
    ...(settings.password === undefined ? {} : { password: settings.password }),
    ...(tls === undefined ? {} : { tls: { rejectUnauthorized: tls.verify } }),
    // A request must not wait for a Redis that is away: it is answered by `allow_degradation`.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    lazyConnect: true,
  }
  const retry = (times: number) => backoffMs(times, RETRY)
  if (policy === 'redis-cluster') {
    return new ioredis.Cluster([...nodes], {
      lazyConnect: true,
      enableOfflineQueue: false,
      redisOptions: common,
      slotsRefreshTimeout: settings.commandTimeoutMs,
      clusterRetryStrategy: retry,
    })
  }
  if (sentinel === undefined) {
    const [{ host, port } = { host: '', port: 0 }] = nodes
    return new ioredis.Redis({ ...common, host, port, db: database, retryStrategy: retry })
  }
  return new ioredis.Redis({
    ...common,
    sentinels: [...nodes],
    name: sentinel.master,
    role: sentinel.role,
    db: database,
    ...(sentinel.username === undefined ? {} : { sentinelUsername: sentinel.username }),
    ...(sentinel.password === undefined ? {} : { sentinelPassword: sentinel.password }),
    retryStrategy: retry,
    sentinelRetryStrategy: retry,
  })
}

const digests = new Map<string, string>()

async function evaluate(
  client: Redis | Cluster,
  script: string,
  key: string,
  args: readonly (string | number)[],
): Promise<unknown> {
  let digest = digests.get(script)
  if (digest === undefined) {
    digest = createHash('sha1').update(script).digest('hex')
    digests.set(script, digest)
  }
  try {
    return await client.evalsha(digest, 1, key, ...args)
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
    return client.eval(script, 1, key, ...args)
  }
}
