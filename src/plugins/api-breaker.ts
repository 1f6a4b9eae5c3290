import type { Static } from 'typebox'
import { ConfigError } from '../model/errors.ts'
import { Type } from '../model/schema-builder.ts'
import { FIELD_NAME, toFieldValue } from '../support/header-fields.ts'
import { monotonicMs } from '../support/monotonic.ts'
import { compileTemplate, textsNeedBody } from '../support/variables/template.ts'
import { definePlugin, type Reply, type RequestContext } from './contract.ts'

const MS_PER_SECOND = 1_000

function statuses(minimum: number, maximum: number, status: number, description: string) {
  return Type.Array(Type.Integer({ minimum, maximum }), {
    minItems: 1,
    uniqueItems: true,
    default: [status],
    description,
  })
}

function times(description: string) {
  return Type.Integer({ minimum: 1, default: 3, description })
}

const schema = Type.Object(
  {
    break_response_code: Type.Integer({
      minimum: 200,
      maximum: 599,
      description: 'Status while the circuit is open.',
    }),
    break_response_body: Type.Optional(
      Type.String({ description: 'Body while the circuit is open.' }),
    ),
    break_response_headers: Type.Optional(
      Type.Array(
        Type.Object({
          key: Type.String({ minLength: 1, pattern: FIELD_NAME }),
          value: Type.String({ minLength: 1 }),
        }),
        { description: 'Headers beside that body; values may have variables.' },
      ),
    ),
    max_breaker_sec: Type.Integer({
      minimum: 3,
      default: 300,
      description: 'Longest time in seconds that the circuit stays open.',
    }),
    unhealthy: Type.Object(
      {
        http_statuses: statuses(500, 599, 500, 'Statuses of the node that are failures.'),
        failures: times('Failures that open the circuit.'),
      },
      { default: {}, additionalProperties: false, description: 'What opens the circuit.' },
    ),
    healthy: Type.Object(
      {
        http_statuses: statuses(200, 499, 200, 'Statuses of the node that are successes.'),
        successes: times('Successes that close the circuit for good.'),
      },
      { default: {}, additionalProperties: false, description: 'What closes the circuit.' },
    ),
  },
  { additionalProperties: false },
)

/** Spares a node that fails: for 2, 4, 8, … seconds its requests are answered without it. */
export default definePlugin({
  name: 'api-breaker',
  priority: 1_005,
  schema,

  create(config, { owner, quota }) {
    const { unhealthy, healthy, max_breaker_sec: maxSeconds } = config
    const failing = new Set(unhealthy.http_statuses)
    const fine = new Set(healthy.http_statuses)
    const scope = `api-breaker:${owner.kind}/${owner.id}:`
    const reply = compileReply(config)
    const terms = {
      failures: unhealthy.failures,
      successes: healthy.successes,
      maxOpenMs: maxSeconds * MS_PER_SECOND,
    }

    return {
      readsBody: textsNeedBody(config.break_response_headers),
      access(request) {
        const state = quota.circuit(scope + request.host + request.path)
        if (state?.openedAtMs === undefined) return undefined
        const turns = Math.max(1, Math.floor(state.failures / unhealthy.failures))
        const openSeconds = Math.min(2 ** turns, maxSeconds)
        const isOpen = monotonicMs() < state.openedAtMs + openSeconds * MS_PER_SECOND
        return isOpen ? reply(request) : undefined
      },
      log(request) {
        const status = request.upstream.statuses.at(-1)
        if (status === undefined) return
        const isFailure = failing.has(status)
        if (!isFailure && !fine.has(status)) return
        quota.report(scope + request.host + request.path, !isFailure, terms)
      },
    }
  },
})

function compileReply(config: Static<typeof schema>): (request: RequestContext) => Reply {
  const { break_response_code: status, break_response_body: body } = config
  const headers = config.break_response_headers ?? []
  if (body === undefined) {
    if (headers.length === 0) return () => ({ status })
    const message = 'break_response_headers needs break_response_body'
    throw new ConfigError('GW_CONFIG_INVALID', message)
  }
  const fields = headers.map(({ key, value }) => ({ key, read: compileTemplate(value) }))
  return (request) => {
    const values: Record<string, string[]> = Object.create(null)
    for (const { key, read } of fields) {
      // An answer has one Content-Type: the last one, as in nginx.
      const isType = key.toLowerCase() === 'content-type'
      const name = isType ? 'Content-Type' : key
      const before = isType ? [] : (values[name] ?? [])
      values[name] = [...before, toFieldValue(read(request))]
    }
    return { status, headers: values, body }
  }
}
