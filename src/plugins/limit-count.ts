import type { Static } from 'typebox'
import { ConfigError } from '../model/errors.ts'
import type { WindowVerdict } from '../model/quota.ts'
import { Type } from '../model/schema-builder.ts'
import { FIELD_NAME } from '../support/header-fields.ts'
import { MAX_TIMER_MS } from '../support/max-timer.ts'
import { compileKeyTemplate } from '../support/variables/template.ts'
import { definePlugin, type PluginHost, type Reply, type RequestContext } from './contract.ts'
import { answerFailure, rejection } from './limits/limit-failure.ts'
import { keyTypeField, LIMIT_FIELDS, limitNumber, policyField } from './limits/limit-fields.ts'
import { compileLimitKey, groupScope, limitReadsBody, limitScope } from './limits/limit-key.ts'
import { compileLimitNumber, type LimitNumber } from './limits/limit-number.ts'
import { type QuotaHeaderNames, QuotaHeaders } from './limits/quota-headers.ts'
import { REDIS_SENTINEL_FIELDS, readRedisSettings } from './redis/redis-fields.ts'
import { chooseLedger, type LimitLedger } from './redis/redis-ledger.ts'

const MS_PER_SECOND = 1_000
const MIN_SYNC_SECONDS = 0.1

const COUNT = limitNumber(1, 'Requests in a window; may be a text with variables.')
const TIME_WINDOW = limitNumber(1, 'Seconds of a window; may be a text with variables.')

const schema = Type.Object(
  {
    count: Type.Optional(COUNT),
    time_window: Type.Optional(TIME_WINDOW),
    window_type: Type.Union([Type.Literal('fixed'), Type.Literal('sliding')], {
      default: 'fixed',
      description: 'A window per key from its first request on, or one that slides.',
    }),
    rules: Type.Optional(
      Type.Array(
        Type.Object(
          {
            count: COUNT,
            time_window: TIME_WINDOW,
            key: Type.String({ description: 'Text with variables; without any, the rule rests.' }),
            header_prefix: Type.Optional(
              Type.String({
                pattern: FIELD_NAME,
                description: 'In the names of its headers; its number if absent.',
              }),
            ),
          },
          { additionalProperties: false },
        ),
        { description: 'Several limits, in place of `count` and `time_window`.' },
      ),
    ),
    group: Type.Optional(
      Type.String({ description: 'Limits of one group and configuration count together.' }),
    ),
    key: Type.String({ default: 'remote_addr', description: 'What requests are counted by.' }),
    key_type: keyTypeField(['var', 'var_combination', 'constant']),
    policy: policyField(['local', 'redis', 'redis-cluster', 'redis-sentinel']),
    show_limit_quota_header: Type.Boolean({
      default: true,
      description: 'Tell clients of the limit in headers.',
    }),
    sync_interval: Type.Number({
      default: -1,
      description: 'Seconds between two reports to Redis, at least 0.1; -1 = each request at once.',
    }),
    ...LIMIT_FIELDS,
    ...REDIS_SENTINEL_FIELDS,
  },
  { additionalProperties: false },
)

const headerName = (name: string) =>
  Type.String({
    default: name,
    pattern: FIELD_NAME,
    description: 'Name of a header.',
  })

const metadataSchema = Type.Object(
  {
    limit_header: headerName('X-RateLimit-Limit'),
    remaining_header: headerName('X-RateLimit-Remaining'),
    reset_header: headerName('X-RateLimit-Reset'),
  },
  { additionalProperties: false },
)

type Config = Static<typeof schema>

/** One limit: how many requests in which window, counted by what. */
interface Rule {
  readonly count: LimitNumber
  readonly seconds: LimitNumber
  /** Undefined = the rule is not for this request. */
  readonly key: (request: RequestContext) => string | undefined
  readonly headerPrefix: string | undefined
}

/** A number of requests in a window, for each key. */
export default definePlugin({
  name: 'limit-count',
  priority: 1_002,
  schema,
  metadataSchema,
  encryptFields: { fields: ['redis_password', 'sentinel_password'] },

  create(config, host) {
    const rules = compileRules(config)
    const ledger = chooseLedger(host, readRedisSettings(config), {
      syncIntervalMs: syncIntervalOf(config),
    })
    const headers = config.show_limit_quota_header
      ? new QuotaHeaders(() => host.metadata() as Partial<QuotaHeaderNames>)
      : undefined
    const limiter = new Limiter(config, rules, scopeOf(config, host), ledger, headers)
    return {
      readsBody: limitReadsBody(config, [config.count, config.time_window]),
      access: (request) => limiter.check(request),
      ...(headers === undefined
        ? {}
        : { headerFilter: (request, head) => headers.write(request, head.headers) }),
      ...(ledger.release === undefined ? {} : { stop: () => ledger.release?.() }),
    }
  },
})

class Limiter {
  readonly #config: Config
  readonly #rules: readonly Rule[]
  readonly #scope: string
  readonly #ledger: LimitLedger
  readonly #headers: QuotaHeaders | undefined
  readonly #rejection: Reply
  readonly #sliding: boolean

  constructor(
    config: Config,
    rules: readonly Rule[],
    scope: string,
    ledger: LimitLedger,
    headers: QuotaHeaders | undefined,
  ) {
    this.#config = config
    this.#rules = rules
    this.#scope = scope
    this.#ledger = ledger
    this.#headers = headers
    this.#rejection = rejection(config)
    this.#sliding = config.window_type === 'sliding'
  }

  /** One rule after the other, until one refuses; at once as long as none has to ask. */
  check(request: RequestContext): Reply | undefined | Promise<Reply | undefined> {
    return this.#from(0, false, request)
  }

  #from(
    first: number,
    applied: boolean,
    request: RequestContext,
  ): Reply | undefined | Promise<Reply | undefined> {
    let some = applied
    for (let index = first; index < this.#rules.length; index++) {
      const rule = this.#rules[index] as Rule
      const key = rule.key(request)
      if (key === undefined) continue
      const limit = rule.count(request)
      const seconds = rule.seconds(request)
      if (limit === undefined || seconds === undefined) return this.#failure()
      some = true
      const verdict = this.#take(key, limit, seconds * MS_PER_SECOND)
      if (verdict instanceof Promise) return this.#later(verdict, index, limit, request)
      this.#headers?.note(request, rule.headerPrefix, limit, verdict)
      if (!verdict.admitted) return this.#rejection
    }
    // APISIX takes it for a mistake when no rule is for a request.
    return some ? undefined : this.#failure()
  }

  async #later(
    pending: Promise<WindowVerdict>,
    index: number,
    limit: number,
    request: RequestContext,
  ): Promise<Reply | undefined> {
    let verdict: WindowVerdict
    try {
      verdict = await pending
    } catch (error) {
      const { allow_degradation: allow } = this.#config
      return answerFailure(error, allow, { error_msg: 'failed to limit count' })
    }
    this.#headers?.note(request, this.#rules[index]?.headerPrefix, limit, verdict)
    return verdict.admitted ? this.#from(index + 1, true, request) : this.#rejection
  }

  #take(key: string, limit: number, windowMs: number): WindowVerdict | Promise<WindowVerdict> {
    const sliding = this.#sliding
    // Sliding windows of different length are different windows.
    const name = sliding ? `${this.#scope}${windowMs}:${key}` : this.#scope + key
    return this.#ledger.take(name, { limit, windowMs, sliding })
  }

  #failure(): Reply | undefined {
    return this.#config.allow_degradation ? undefined : { status: 500 }
  }
}

function compileRules({ count, time_window, rules, key, key_type, group }: Config): Rule[] {
  if (rules === undefined) {
    if (count === undefined || time_window === undefined) {
      invalid('count and time_window are required, or rules')
    }
    return [
      {
        count: compileLimitNumber('count', count, 1),
        seconds: compileLimitNumber('time_window', time_window, 1),
        key: compileLimitKey(key, key_type),
        headerPrefix: undefined,
      },
    ]
  }
  if (count !== undefined || time_window !== undefined) {
    invalid('count/time_window and rules cannot be specified at the same time')
  }
  if (group !== undefined) invalid('group and rules cannot be specified at the same time')
  const keys = new Set<string>()
  return rules.map((rule, index) => {
    if (keys.has(rule.key)) invalid(`duplicate key '${rule.key}' in rules`)
    keys.add(rule.key)
    const { header_prefix: prefix = String(index + 1) } = rule
    return {
      count: compileLimitNumber('count', rule.count, 1),
      seconds: compileLimitNumber('time_window', rule.time_window, 1),
      key: compileKeyTemplate(rule.key),
      headerPrefix: prefix,
    }
  })
}

/** Undefined = Redis is told of each request at once. */
function syncIntervalOf(config: Config): number | undefined {
  const { sync_interval: seconds, time_window: window, policy, window_type } = config
  if (seconds === -1) return undefined
  if (policy === 'local') invalid('sync_interval has no meaning for the policy local')
  if (window_type === 'sliding') invalid('sync_interval: sliding windows are always up to date')
  if (seconds < MIN_SYNC_SECONDS) {
    invalid(`sync_interval should not be smaller than ${MIN_SYNC_SECONDS}`)
  }
  if (typeof window === 'number' && seconds >= window) {
    invalid('sync_interval should be smaller than time_window')
  }
  return Math.min(seconds * MS_PER_SECOND, MAX_TIMER_MS)
}

function scopeOf(config: Config, host: PluginHost): string {
  // Headers change nothing about what is counted.
  const { show_limit_quota_header, redis_password, sentinel_password, ...counted } = config
  if (config.group !== undefined) return groupScope('limit-count', config.group, counted)
  return limitScope('limit-count', host, counted)
}

function invalid(message: string): never {
  throw new ConfigError('GW_CONFIG_INVALID', message)
}
