import { Type } from '../model/schema-builder.ts'
import { fieldValues } from '../support/header-fields.ts'
import { compileRegex } from '../support/regex/regex.ts'
import { definePlugin, type Reply } from './contract.ts'

const Patterns = Type.Array(Type.String({ minLength: 1 }), { minItems: 1 })

const schema = Type.Object(
  {
    bypass_missing: Type.Boolean({
      default: false,
      description: 'Let requests without User-Agent pass.',
    }),
    allowlist: Type.Optional({ ...Patterns, description: 'Patterns, one of which must match.' }),
    denylist: Type.Optional({ ...Patterns, description: 'Patterns, none of which may match.' }),
    message: Type.String({ minLength: 1, maxLength: 1024, default: 'Not allowed' }),
  },
  {
    oneOf: [
      { type: 'object', required: ['allowlist'] },
      { type: 'object', required: ['denylist'] },
    ],
  },
)

/** Lets requests pass by their User-Agent. */
export default definePlugin({
  name: 'ua-restriction',
  priority: 2_999,
  schema,

  create({ bypass_missing: bypass, allowlist, denylist, message }) {
    const patterns = (allowlist ?? denylist ?? []).map((pattern) => compileRegex(pattern))
    const isListed = (agent: string) => patterns.some((pattern) => pattern.test(agent.trim()))
    const passes = allowlist !== undefined
    const reply: Reply = { status: 403, body: { message } }

    return {
      access(request) {
        const agents = fieldValues(request.receivedHeaders, 'user-agent')
        if (agents.length === 0) return bypass ? undefined : reply
        return agents.some(isListed) === passes ? undefined : reply
      },
    }
  },
})
