import type { Static } from 'typebox'
import { ConfigError } from '../model/errors.ts'
import { Type } from '../model/schema-builder.ts'
import { toFieldValue } from '../support/header-fields.ts'
import { MAX_TIMER_MS } from '../support/max-timer.ts'
import { compileTemplate, type Template, textsNeedBody } from '../support/variables/template.ts'
import { VERSION } from '../support/version.ts'
import { definePlugin, type Reply, type RequestContext } from './contract.ts'
import { encodeXml } from './mock/encode-xml.ts'
import { compileObject } from './mock/generate-value.ts'
import { checkFieldName, checkFieldValue, OWN_RESPONSE_FIELDS } from './rewriting/field-checks.ts'

const MS_PER_SECOND = 1000

const CONTENT_TYPES = new Set([
  'application/json',
  'application/xml',
  'text/html',
  'text/plain',
  'text/xml',
])

const schema = Type.Object(
  {
    delay: Type.Integer({ default: 0, description: 'Seconds to wait before the answer.' }),
    response_status: Type.Integer({
      minimum: 200,
      maximum: 599,
      default: 200,
      description: 'Status of the answer.',
    }),
    content_type: Type.String({
      default: 'application/json;charset=utf8',
      description: '`Content-Type` of the answer: JSON, XML, plain text or HTML.',
    }),
    response_example: Type.Optional(
      Type.String({
        description: 'Body of the answer, with variables; precedes `response_schema`.',
      }),
    ),
    response_schema: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), {
        description: 'JSON schema of which a body is made up.',
      }),
    ),
    with_mock_header: Type.Boolean({ default: true, description: 'Add the header `x-mock-by`.' }),
    response_headers: Type.Optional(
      Type.Record(Type.String({ pattern: '^[^:]+$' }), Type.Union([Type.String(), Type.Number()]), {
        minProperties: 1,
        description: 'Further headers of the answer, with variables.',
      }),
    ),
  },
  { additionalProperties: false },
)

type Config = Static<typeof schema>

/** Answers in place of a node that isn't there yet. */
export default definePlugin({
  name: 'mocking',
  priority: 10_900,
  schema,

  create(config) {
    const { response_status: status, delay } = config
    const headers = compileHeaders(config)
    const body = compileBody(config)
    const delayMs = Math.min(delay * MS_PER_SECOND, MAX_TIMER_MS)

    function answer(request: RequestContext): Reply {
      return { status, headers: headers(request), body: body(request) }
    }

    return {
      readsBody: textsNeedBody(config),
      access(request) {
        if (delayMs <= 0) return answer(request)
        return new Promise((resolve) => {
          setTimeout(() => resolve(answer(request)), delayMs)
        })
      },
    }
  },
})

function compileHeaders({
  content_type: contentType,
  with_mock_header: shows,
  response_headers: own = {},
}: Config): (request: RequestContext) => Record<string, string> {
  checkFieldValue(contentType)
  const fixed: Record<string, string> = { 'Content-Type': contentType }
  if (shows) fixed['x-mock-by'] = `Holdfast/${VERSION}`
  const fields = Object.entries(own).map(([name, value]) => {
    checkFieldName(name, OWN_RESPONSE_FIELDS)
    checkFieldValue(value)
    // One Content-Type: the one that was asked for by name.
    if (name.toLowerCase() === 'content-type') delete fixed['Content-Type']
    return { name, render: compileTemplate(String(value)) }
  })
  return (request) => {
    const headers = { ...fixed }
    for (const { name, render } of fields) headers[name] = toFieldValue(render(request))
    return headers
  }
}

function compileBody({
  content_type: contentType,
  response_example: example,
  response_schema: shape,
}: Config): Template {
  const type = contentType.replace(/;.*$/s, '')
  if (!CONTENT_TYPES.has(type)) throw refusal('unsupported content type!')
  if (example !== undefined) return compileTemplate(example)
  if (shape === undefined) {
    throw refusal('at least one of `response_example` and `response_schema` must be configured')
  }
  if (type === 'text/html') throw refusal('json schema body only support xml and json content type')
  const generate = compileObject(shape)
  if (type.endsWith('/xml')) return (request) => encodeXml('data', generate(request))
  return (request) => JSON.stringify(generate(request))
}

function refusal(message: string): ConfigError {
  return new ConfigError('GW_CONFIG_INVALID', message)
}
