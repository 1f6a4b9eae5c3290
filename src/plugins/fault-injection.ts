import type { Static } from 'typebox'
import { ConfigError } from '../model/errors.ts'
import { Type } from '../model/schema-builder.ts'
import {
  compileExpression,
  type Expression,
  expressionNeedsBody,
} from '../support/expression/expression.ts'
import { isFieldName, toFieldValue } from '../support/header-fields.ts'
import { MAX_TIMER_MS } from '../support/max-timer.ts'
import { compileTemplate, textsNeedBody } from '../support/variables/template.ts'
import { definePlugin, type Reply, type RequestContext } from './contract.ts'

const MS_PER_SECOND = 1000

const Condition = {
  percentage: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 100,
      description: 'Share of the requests; all if absent.',
    }),
  ),
  vars: Type.Optional(
    Type.Array(Type.Array(Type.Unknown()), {
      maxItems: 20,
      description: 'Lists of conditions, one of which must hold.',
    }),
  ),
}

const Abort = Type.Object(
  {
    http_status: Type.Integer({
      minimum: 200,
      maximum: 599,
      description: 'Status to answer with.',
    }),
    body: Type.Optional(Type.String({ description: 'Body to answer with; may have variables.' })),
    headers: Type.Optional(
      Type.Record(Type.String({ pattern: '^[^:]+$' }), Type.Union([Type.String(), Type.Number()]), {
        minProperties: 1,
        description: 'Headers to answer with; may have variables.',
      }),
    ),
    ...Condition,
  },
  { description: 'Answer in place of the node.' },
)

const Delay = Type.Object(
  {
    duration: Type.Number({ minimum: 0, description: 'Seconds; parts of one are allowed.' }),
    ...Condition,
  },
  { description: 'Hold the request back.' },
)

const schema = Type.Object(
  { abort: Type.Optional(Abort), delay: Type.Optional(Delay) },
  { minProperties: 1 },
)

/** Delays requests or answers them with an error, to see how clients take it. */
export default definePlugin({
  name: 'fault-injection',
  priority: 11_000,
  schema,

  create({ abort, delay }) {
    const delays = delay === undefined ? undefined : compileCondition(delay)
    const aborts = abort === undefined ? undefined : compileCondition(abort)
    const reply = abort === undefined ? undefined : compileReply(abort)
    const delayMs = Math.min((delay?.duration ?? 0) * MS_PER_SECOND, MAX_TIMER_MS)

    function answer(request: RequestContext): Reply | undefined {
      return aborts?.(request) ? reply?.(request) : undefined
    }

    return {
      readsBody:
        expressionNeedsBody([delay?.vars, abort?.vars]) ||
        textsNeedBody([abort?.body, abort?.headers]),
      rewrite(request) {
        if (!delays?.(request)) return answer(request)
        return new Promise((resolve) => {
          setTimeout(() => resolve(answer(request)), delayMs)
        })
      },
    }
  },
})

function compileCondition({
  percentage,
  vars,
}: {
  percentage?: number
  vars?: unknown[][]
}): Expression {
  const expressions = vars?.map(compileExpression)
  return (request) =>
    (percentage === undefined || Math.random() * 100 < percentage) &&
    (expressions === undefined || expressions.some((holds) => holds(request)))
}

function compileReply({
  http_status: status,
  body,
  headers = {},
}: Static<typeof Abort>): (request: RequestContext) => Reply {
  const text = compileTemplate(body ?? '')
  const fields = Object.entries(headers).map(([name, value]) => {
    if (!isFieldName(name)) {
      throw new ConfigError('GW_CONFIG_INVALID', `"${name}" can't be the name of a header`)
    }
    return { name, value: compileTemplate(String(value)) }
  })
  return (request) => ({
    status,
    headers: Object.fromEntries(
      fields.map(({ name, value }) => [name, toFieldValue(value(request))]),
    ),
    ...(body !== undefined && { body: text(request) }),
  })
}
