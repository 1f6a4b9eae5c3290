import { Type } from '../model/schema-builder.ts'
import { compileRegex } from '../support/regex/regex.ts'
import { compileVariable } from '../support/variables/variable.ts'
import { definePlugin, type Reply } from './contract.ts'

const schema = Type.Object({
  block_rules: Type.Array(Type.String({ minLength: 1, maxLength: 4096 }), {
    uniqueItems: true,
    description: 'Patterns over the normalised uri with its query; one that matches blocks.',
  }),
  rejected_code: Type.Integer({ minimum: 200, maximum: 599, default: 403 }),
  rejected_msg: Type.Optional(
    Type.String({ minLength: 1, description: 'Answered as `{"error_msg": …}`.' }),
  ),
  case_insensitive: Type.Boolean({ default: false }),
})

const readUri = compileVariable('request_uri')
const readRawUri = compileVariable('real_request_uri')

/** Blocks requests whose uri matches a pattern. */
export default definePlugin({
  name: 'uri-blocker',
  priority: 2_900,
  schema,

  create({ block_rules: rules, rejected_code: status, rejected_msg: message, case_insensitive }) {
    const flags = case_insensitive ? 'i' : ''
    const patterns = rules.map((rule) => compileRegex(rule, flags))
    const reply: Reply =
      message === undefined ? { status } : { status, body: { error_msg: message } }

    return {
      rewrite(request) {
        const uri = readUri(request) ?? ''
        const raw = readRawUri(request) ?? uri
        const blocks = patterns.some(
          (pattern) => pattern.test(uri) || (raw !== uri && pattern.test(raw)),
        )
        return blocks ? reply : undefined
      },
    }
  },
})
