import { ConfigError } from '../model/errors.ts'
import { Type } from '../model/schema-builder.ts'
import { removeField, setField, toFieldValue } from '../support/header-fields.ts'
import { type BodyFilter, definePlugin, type RawHeaders } from './contract.ts'
import { checkFieldName, checkFieldValue, OWN_RESPONSE_FIELDS } from './rewriting/field-checks.ts'
import { clearBodyFields } from './rewriting/response-headers.ts'

const schema = Type.Object(
  {
    before_body: Type.Optional(Type.String({ description: 'Text before the body.' })),
    body: Type.Optional(Type.String({ description: "Body in place of the answer's." })),
    after_body: Type.Optional(Type.String({ description: 'Text after the body.' })),
    headers: Type.Optional(
      Type.Record(Type.String(), Type.Union([Type.String(), Type.Number()]), {
        minProperties: 1,
        description: 'Fields of the answer to set; an empty value removes one.',
      }),
    ),
  },
  { additionalProperties: false },
)

/** Changes answers in plain ways, to try things out. */
export default definePlugin({
  name: 'echo',
  priority: 412,
  schema,

  create({ before_body: before, body, after_body: after, headers = {} }) {
    if (before === undefined && body === undefined && after === undefined) {
      const message = 'at least one of `before_body`, `body` and `after_body` must be configured'
      throw new ConfigError('GW_CONFIG_INVALID', message)
    }
    const fields = Object.entries(headers).map(([name, value]) => compileField(name, value))
    const whole = body === undefined ? undefined : (before ?? '') + body + (after ?? '')

    return {
      headerFilter(_request, head) {
        clearBodyFields(head)
        if (whole !== undefined) head.replaceBody(whole)
        for (const apply of fields) apply(head.headers)
      },
      ...(whole === undefined && { bodyFilter: () => surround(before, after) }),
    }
  },
})

function surround(before = '', after = ''): BodyFilter {
  let isFirst = true
  return {
    transform(chunk) {
      if (!isFirst) return chunk
      isFirst = false
      return Buffer.concat([Buffer.from(before), chunk])
    },
    flush: () => Buffer.from(isFirst ? before + after : after),
  }
}

function compileField(name: string, value: string | number): (headers: RawHeaders) => void {
  checkFieldName(name, OWN_RESPONSE_FIELDS)
  checkFieldValue(value)
  const text = toFieldValue(String(value))
  if (text === '') return (headers) => removeField(headers, name.toLowerCase())
  return (headers) => setField(headers, name, text)
}
