import type { Static } from 'typebox'
import { ConfigError } from '../model/errors.ts'
import type { QuotaPlace } from '../model/quota.ts'
import { Type } from '../model/schema-builder.ts'
import { compileKeyTemplate } from '../support/variables/template.ts'
import { definePlugin, type Reply, type RequestContext } from './contract.ts'
import { holdBack } from './limits/hold-back.ts'
import { answerFailure, rejection } from './limits/limit-failure.ts'
import { keyTypeField, LIMIT_FIELDS, limitNumber, policyField } from './limits/limit-fields.ts'
import { compileLimitKey, limitReadsBody, limitScope } from './limits/limit-key.ts'
import { compileLimitNumber, type LimitNumber } from './limits/limit-number.ts'
import { REDIS_FIELDS, readRedisSettings } from './redis/redis-fields.ts'
import { chooseLedger, type LimitLedger } from './redis/redis-ledger.ts'

const MS_PER_SECOND = 1_000
const DEFAULT_KEY_TTL_SECONDS = 3_600

const CONN = limitNumber(1, 'Requests at a time; may be a text with variables.')
const BURST = limitNumber(0, 'Requests beyond `conn` that are held back; may have variables.')

const schema = Type.Object(
  {
    conn: Type.Optional(CONN),
    burst: Type.Optional(BURST),
    default_conn_delay: Type.Number({
      exclusiveMinimum: 0,
      description: 'Seconds that requests beyond `conn` are held back.',
    }),
    only_use_default_delay: Type.Boolean({
      default: false,
      description: 'Hold all of them back equally long, not longer the more there are.',
    }),
    key: Type.Optional(Type.String({ description: 'What requests are counted by.' })),
    key_type: keyTypeField(['var', 'var_combination']),
    rules: Type.Optional(
      Type.Array(
        Type.Object(
          {
            conn: CONN,
            burst: BURST,
            key: Type.String({ description: 'Text with variables; without any, the rule rests.' }),
          },
          { additionalProperties: false },
        ),
        { description: 'Several limits, in place of `conn`, `burst` and `key`.' },
      ),
    ),
    policy: policyField(['redis', 'redis-cluster', 'local']),
    key_ttl: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: 'For Redis: seconds until a request that never ended is forgotten; 3600.',
      }),
    ),
    ...LIMIT_FIELDS,
    ...REDIS_FIELDS,
  },
  { additionalProperties: false },
)

type Config = Static<typeof schema>

interface Rule {
  readonly conn: LimitNumber
  readonly burst: LimitNumber
  /** Undefined = the rule is not for this request. */
  readonly key: (request: RequestContext) => string | undefined
}

/** A request that is being limited, until it is over. */
interface Stay {
  readonly places: QuotaPlace[]
  over: boolean
}

/** A number of requests at the same time, for each key. */
export default definePlugin({
  name: 'limit-conn',
  priority: 1_003,
  schema,
  encryptFields: { fields: ['redis_password'] },

  create(config, host) {
    const rules = compileRules(config)
    const settings = readRedisSettings(config)
    if (settings === undefined && config.key_ttl !== undefined) {
      invalid('key_ttl has no meaning for the policy local')
    }
    const placeTtlSeconds = config.key_ttl ?? DEFAULT_KEY_TTL_SECONDS
    const ledger = chooseLedger(host, settings, { placeTtlSeconds })
    const { redis_password, ...counted } = config
    const limiter = new Limiter(config, rules, limitScope('limit-conn', host, counted), ledger)
    return {
      readsBody: limitReadsBody(config, [config.conn, config.burst]),
      access: (request) => limiter.enter(request),
      log: (request) => limiter.leave(request),
      ...(ledger.release === undefined ? {} : { stop: () => ledger.release?.() }),
    }
  },
})

class Limiter {
  readonly #config: Config
  readonly #rules: readonly Rule[]
  readonly #scope: string
  readonly #ledger: LimitLedger
  readonly #rejection: Reply
  readonly #stays = new WeakMap<RequestContext, Stay>()

  constructor(config: Config, rules: readonly Rule[], scope: string, ledger: LimitLedger) {
    this.#config = config
    this.#rules = rules
    this.#scope = scope
    this.#ledger = ledger
    this.#rejection = rejection(config)
  }

  async enter(request: RequestContext): Promise<Reply | undefined> {
    const { allow_degradation: allowDegradation } = this.#config
    const stay: Stay = { places: [], over: false }
    this.#stays.set(request, stay)
    let some = false
    for (const { key, conn, burst } of this.#rules) {
      const value = key(request)
      const limit = conn(request)
      const extra = burst(request)
      if (value === undefined || limit === undefined || extra === undefined) continue
      some = true
      try {
        const place = await this.#ledger.enter(this.#scope + value, limit + extra)
        if (place === undefined) return this.#rejection
        await this.#hold(stay, place, limit)
      } catch (error) {
        return answerFailure(error, allowDegradation)
      }
    }
    // As APISIX has it: a limit that is for no request is a mistake.
    return some || allowDegradation ? undefined : { status: 500 }
  }

  leave(request: RequestContext): void {
    const stay = this.#stays.get(request)
    if (stay === undefined) return
    stay.over = true
    for (const place of stay.places) place.release()
  }

  /** Keeps the place until the request is over, which it may be by now. */
  async #hold(stay: Stay, place: QuotaPlace, limit: number): Promise<undefined> {
    if (stay.over) {
      place.release()
      return undefined
    }
    stay.places.push(place)
    if (place.taken <= limit) return undefined
    const { default_conn_delay: seconds, only_use_default_delay: equally } = this.#config
    const times = equally ? 1 : Math.floor((place.taken - 1) / limit)
    return holdBack(seconds * times * MS_PER_SECOND)
  }
}

function compileRules({ conn, burst, key, key_type, rules }: Config): Rule[] {
  if (rules !== undefined) {
    if (conn !== undefined || burst !== undefined || key !== undefined) {
      invalid('conn, burst, key and rules cannot be specified at the same time')
    }
    return rules.map((rule) => ({
      conn: compileLimitNumber('conn', rule.conn, 1),
      burst: compileLimitNumber('burst', rule.burst, 0),
      key: compileKeyTemplate(rule.key),
    }))
  }
  if (conn === undefined || burst === undefined || key === undefined) {
    invalid('conn, burst and key are required, or rules')
  }
  return [
    {
      conn: compileLimitNumber('conn', conn, 1),
      burst: compileLimitNumber('burst', burst, 0),
      key: compileLimitKey(key, key_type),
    },
  ]
}

function invalid(message: string): never {
  throw new ConfigError('GW_CONFIG_INVALID', message)
}
