import { Ajv, type ValidateFunction } from 'ajv'
import { ConfigError } from '../model/errors.ts'
import { Type } from '../model/schema-builder.ts'
import { fieldValues } from '../support/header-fields.ts'
import { compileRegex } from '../support/regex/regex.ts'
import { describeFailure } from '../support/validation-reason.ts'
import { definePlugin, type Reply, type RequestContext } from './contract.ts'

const schema = Type.Object(
  {
    header_schema: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), {
        description: 'JSON Schema over the headers, by lower-case name.',
      }),
    ),
    body_schema: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), {
        description: 'JSON Schema over the body: JSON, or a form by its Content-Type.',
      }),
    ),
    max_req_body_size: Type.Integer({
      minimum: 1,
      default: 67_108_864,
      description: 'Bytes of a body that may be held; HOLDFAST_HTTP_MAX_BUFFERED_BODY_BYTES too.',
    }),
    rejected_code: Type.Integer({ minimum: 200, maximum: 599, default: 400 }),
    rejected_msg: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
  },
  {
    anyOf: [
      { type: 'object', required: ['header_schema'] },
      { type: 'object', required: ['body_schema'] },
    ],
  },
)

/** Lets requests pass whose headers and body follow a JSON Schema. */
export default definePlugin({
  name: 'request-validation',
  priority: 2_800,
  schema,

  create(config) {
    const { max_req_body_size: maxBytes, rejected_code: status, rejected_msg: message } = config
    const checkHeaders = compile(config.header_schema)
    const checkBody = compile(config.body_schema)
    const refuse = (reason: string | undefined): Reply => ({
      status,
      body: message ?? reason ?? '',
    })

    async function validateBody(request: RequestContext): Promise<Reply | undefined> {
      if (!request.hasBody) return refuse('missing request body')
      const types = fieldValues(request.receivedHeaders, 'content-type')
      // Two parsers could take it for two different things.
      if (types.length > 1) return refuse('duplicated Content-Type header')
      const text = (await request.readBody(maxBytes)).toString()
      const isForm = /^application\/x-www-form-urlencoded/i.test(types[0] ?? '')
      const value = isForm ? parseForm(text) : parseJson(text)
      if (value === undefined) return refuse('failed to decode the request body')
      const reason = checkBody?.(value)
      if (reason !== undefined) return refuse(reason)
      // What was checked is what the node gets, however another parser would read the original.
      if (!isForm) request.replaceBody(Buffer.from(JSON.stringify(value)))
      return undefined
    }

    return {
      rewrite(request) {
        const reason = checkHeaders?.(headersOf(request))
        if (reason !== undefined) return refuse(reason)
        return checkBody === undefined ? undefined : validateBody(request)
      },
    }
  },
})

/** Bodies are hostile: `pattern` must not take more than linear time. */
const LINEAR_PATTERNS = Object.assign((pattern: string) => compileRegex(pattern), {
  code: 'require("../support/regex/regex.ts").compileRegex',
})

/** @throws ConfigError when the schema is none. */
function compile(
  jsonSchema: Record<string, unknown> | undefined,
): ((value: unknown) => string | undefined) | undefined {
  if (jsonSchema === undefined) return undefined
  // Which draft it names makes no difference: all are read as draft 7.
  const { $schema, ...rules } = jsonSchema
  let validate: ValidateFunction
  try {
    validate = new Ajv({
      strict: false,
      useDefaults: true,
      verbose: true,
      code: { regExp: LINEAR_PATTERNS },
    }).compile(rules)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new ConfigError('GW_CONFIG_INVALID', `not a JSON Schema: ${reason}`, { cause })
  }
  return (value) => (validate(value) ? undefined : describeFailure(value, validate.errors ?? []))
}

function headersOf({ receivedHeaders }: RequestContext): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = Object.create(null)
  for (let i = 0; i < receivedHeaders.length; i += 2) {
    const name = (receivedHeaders[i] as string).toLowerCase()
    const value = receivedHeaders[i + 1] as string
    const known = headers[name]
    headers[name] = known === undefined ? value : [known, value].flat()
  }
  return headers
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Repeated names have a list of values. */
function parseForm(text: string): Record<string, string | string[]> {
  const form: Record<string, string | string[]> = Object.create(null)
  for (const [name, value] of new URLSearchParams(text)) {
    const known = form[name]
    form[name] = known === undefined ? value : [known, value].flat()
  }
  return form
}
