import { Type } from '../model/schema-builder.ts'
import { definePlugin, type Reply } from './contract.ts'
import { holdBack } from './limits/hold-back.ts'
import { answerFailure, rejection } from './limits/limit-failure.ts'
import { keyTypeField, LIMIT_FIELDS, policyField } from './limits/limit-fields.ts'
import { compileLimitKey, limitReadsBody, limitScope } from './limits/limit-key.ts'
import { REDIS_FIELDS, readRedisSettings } from './redis/redis-fields.ts'
import { chooseLedger } from './redis/redis-ledger.ts'

const MS_PER_SECOND = 1_000

const schema = Type.Object(
  {
    rate: Type.Number({
      exclusiveMinimum: 0,
      description: 'Requests per second; more are held back.',
    }),
    burst: Type.Number({
      minimum: 0,
      description: 'Requests that may wait; more are refused.',
    }),
    key: Type.String({ description: 'What requests are counted by.' }),
    key_type: keyTypeField(['var', 'var_combination']),
    policy: policyField(['redis', 'redis-cluster', 'local']),
    nodelay: Type.Boolean({
      default: false,
      description: 'Let requests within the burst pass at once.',
    }),
    ...LIMIT_FIELDS,
    ...REDIS_FIELDS,
  },
  { additionalProperties: false },
)

/** A steady number of requests per second, for each key; what comes too fast waits its turn. */
export default definePlugin({
  name: 'limit-req',
  priority: 1_001,
  schema,
  encryptFields: { fields: ['redis_password'] },

  create(config, host) {
    const { rate, burst, nodelay, allow_degradation: allowDegradation } = config
    const keyOf = compileLimitKey(config.key, config.key_type)
    const ledger = chooseLedger(host, readRedisSettings(config))
    const { redis_password, ...counted } = config
    const scope = limitScope('limit-req', host, counted)
    const refused = rejection(config)

    async function access(key: string): Promise<Reply | undefined> {
      let before: number | undefined
      try {
        before = await ledger.pour(scope + key, rate, burst)
      } catch (error) {
        return answerFailure(error, allowDegradation)
      }
      if (before === undefined) return refused
      return nodelay ? undefined : holdBack((before / rate) * MS_PER_SECOND)
    }

    return {
      readsBody: limitReadsBody(config),
      access: (request) => access(keyOf(request)),
      ...(ledger.release === undefined ? {} : { stop: () => ledger.release?.() }),
    }
  },
})
