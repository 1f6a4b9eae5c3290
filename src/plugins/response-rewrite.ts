import type { Static } from 'typebox'
import { ConfigError } from '../model/errors.ts'
import { Type } from '../model/schema-builder.ts'
import { compileExpression, expressionNeedsBody } from '../support/expression/expression.ts'
import { setField } from '../support/header-fields.ts'
import { textsNeedBody } from '../support/variables/template.ts'
import {
  type BodyFilter,
  definePlugin,
  type PluginHost,
  type RequestContext,
  type ResponseHead,
} from './contract.ts'
import { compileBodyChanges, holdBody, mustHold } from './rewriting/body-changes.ts'
import { type ContentDecoder, findDecoder } from './rewriting/content-decoder.ts'
import {
  clearBodyFields,
  compileAddField,
  compileRemoveField,
  compileSetField,
  type ResponseHeaderChange,
} from './rewriting/response-headers.ts'

const Name = Type.String({ pattern: '^[^:]+$' })
const Values = Type.Record(Name, Type.Union([Type.String(), Type.Number()]), { minProperties: 1 })

const Actions = Type.Object(
  {
    add: Type.Optional(
      Type.Array(Type.String({ pattern: '^[^:]+:[^:]*[^/]$' }), {
        minItems: 1,
        description: 'Fields to add, as `name: value`.',
      }),
    ),
    set: Type.Optional({ ...Values, description: 'Fields to set; an empty value removes one.' }),
    remove: Type.Optional(Type.Array(Name, { minItems: 1, description: 'Names to remove.' })),
  },
  { additionalProperties: false, minProperties: 1 },
)

const Filter = Type.Object(
  {
    regex: Type.String({ minLength: 1, description: 'Pattern to look for in the body.' }),
    scope: Type.Enum(['once', 'global'], {
      default: 'once',
      description: 'Replace the first match, or every one.',
    }),
    replace: Type.String({ description: 'What takes its place; `$1` is a group.' }),
    options: Type.String({
      default: 'jo',
      description: 'Options of the pattern: i, m, s, u; j, o.',
    }),
  },
  { additionalProperties: false },
)

const schema = Type.Object(
  {
    max_resp_body_size: Type.Integer({
      minimum: 1,
      default: 67_108_864,
      description: 'Bytes of body that `filters` hold; a larger answer fails.',
    }),
    headers: Type.Optional(
      Type.Union([Actions, Values], {
        description: 'What becomes of fields: `add`, `set`, `remove`; or fields to set.',
      }),
    ),
    body: Type.Optional(Type.String({ description: "Body in place of the answer's." })),
    body_base64: Type.Boolean({ default: false, description: '`body` is in base64.' }),
    status_code: Type.Optional(
      Type.Integer({ minimum: 200, maximum: 598, description: 'Status of the answer.' }),
    ),
    vars: Type.Optional(
      Type.Array(Type.Unknown(), { description: 'Conditions; `status` is known to them.' }),
    ),
    filters: Type.Optional(
      Type.Array(Filter, { minItems: 1, description: 'Replacements in the body, in order.' }),
    ),
  },
  { additionalProperties: false },
)

type Config = Static<typeof schema>

const TOO_LARGE = JSON.stringify({ error_msg: '502 Bad Gateway' })

/** Changes status, header fields and body of answers. */
export default definePlugin({
  name: 'response-rewrite',
  priority: 899,
  schema,

  create(config, host) {
    const { vars = [], status_code: status, filters, max_resp_body_size: limit } = config
    const holds = compileExpression(vars)
    const body = bodyOf(config)
    const changes = compileHeaders(config.headers)
    const filter = filters === undefined ? undefined : compileFilter(filters, limit, host)
    /** How to read the bodies of the answers under way that will be filtered. */
    const decoders = new WeakMap<ResponseHead, ContentDecoder>()

    function headerFilter(request: RequestContext, head: ResponseHead): void {
      if (!holds(request)) return
      if (status !== undefined) setStatus(head, status)
      if (body !== undefined) {
        clearBodyFields(head)
        head.replaceBody(body)
      }
      if (filter !== undefined && !prepareFilter(head)) return
      for (const change of changes) change(request, head.headers)
    }

    /** False if the answer is one that can't be filtered, and became a 502. */
    function prepareFilter(head: ResponseHead): boolean {
      if ((head.bodyLength ?? 0) > limit) {
        refuse(head)
        return false
      }
      const decoder = findDecoder(head.headers, limit)
      if (decoder === undefined) {
        host.log.debug('the body has an encoding that can not be read, filters leave it as it is')
        return true
      }
      decoders.set(head, decoder)
      clearBodyFields(head)
      return true
    }

    const readsBody = expressionNeedsBody(vars) || textsNeedBody(config.headers)
    if (filter === undefined) return { readsBody, headerFilter }
    return {
      readsBody,
      headerFilter,
      bodyFilter(request, head) {
        const decoder = decoders.get(head)
        return decoder && filter(decoder, (bytes) => request.holdMemory(bytes))
      },
    }
  },
})

function setStatus(head: ResponseHead, status: number): void {
  head.status = status
  head.reason = ''
}

function refuse(head: ResponseHead): void {
  clearBodyFields(head)
  setStatus(head, 502)
  setField(head.headers, 'Content-Type', 'application/json; charset=utf-8')
  head.replaceBody(TOO_LARGE)
}

function compileFilter(
  filters: readonly Static<typeof Filter>[],
  limit: number,
  host: PluginHost,
): (decoder: ContentDecoder, holdMemory: RequestContext['holdMemory']) => BodyFilter {
  const change = compileBodyChanges(filters, host.jobs)
  return (decoder, holdMemory) =>
    holdBody(limit, holdMemory, (bytes) => {
      const decoded = decoder(bytes)
      if (Buffer.isBuffer(decoded)) return change(decoded)
      return decoded.then((plain) => {
        mustHold(holdMemory, plain.length)
        return change(plain)
      })
    })
}

function bodyOf({ body, body_base64: isBase64, filters }: Config): Buffer | undefined {
  if (body !== undefined && filters !== undefined) {
    throw refusal('only one of `body` and `filters` can be configured')
  }
  if (!isBase64) return body === undefined ? undefined : Buffer.from(body)
  const digits = (body ?? '').replace(/={1,2}$/, '')
  if (!/^[A-Za-z0-9+/]+$/.test(digits) || digits.length % 4 === 1) {
    throw refusal('invalid base64 content')
  }
  return Buffer.from(digits, 'base64')
}

/** All of `add` first, then `set`, then `remove`. */
function compileHeaders(headers: Config['headers'] = {}): ResponseHeaderChange[] {
  const { add = [], set = {}, remove = [] } = isActions(headers) ? headers : { set: headers }
  return [
    ...add.map(compileAdd),
    ...Object.entries(set).map(([name, value]) => compileSetField(name, value)),
    ...remove.map(compileRemoveField),
  ]
}

function isActions(headers: NonNullable<Config['headers']>): headers is Static<typeof Actions> {
  return Object.values(headers).some((value) => typeof value === 'object')
}

function compileAdd(line: string): ResponseHeaderChange {
  const match = /^([^:\s]+)\s*:\s*([^:]+)$/.exec(line)
  if (match === null) throw refusal(`invalid header to add: ${JSON.stringify(line)}`)
  return compileAddField(match[1] ?? '', (match[2] ?? '').trim())
}

function refusal(message: string): ConfigError {
  return new ConfigError('GW_CONFIG_INVALID', message)
}
