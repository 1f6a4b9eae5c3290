import { Type } from '../model/schema-builder.ts'
import { compileIpSet } from '../support/ip-set.ts'
import { definePlugin, type Reply } from './contract.ts'

const Addresses = Type.Array(Type.String(), { minItems: 1 })

const schema = Type.Object(
  {
    whitelist: Type.Optional({
      ...Addresses,
      description: 'Addresses and CIDRs that may pass; nobody else does.',
    }),
    blacklist: Type.Optional({
      ...Addresses,
      description: 'Addresses and CIDRs that may not pass.',
    }),
    message: Type.String({
      minLength: 1,
      maxLength: 1024,
      default: 'Your IP address is not allowed',
      description: 'What those who may not pass are told.',
    }),
    response_code: Type.Integer({ minimum: 403, maximum: 404, default: 403 }),
  },
  {
    oneOf: [
      { type: 'object', required: ['whitelist'] },
      { type: 'object', required: ['blacklist'] },
    ],
  },
)

/** Lets requests pass by the address of their client. */
export default definePlugin({
  name: 'ip-restriction',
  priority: 3_000,
  schema,

  create({ whitelist, blacklist, message, response_code: status }) {
    const isListed = compileIpSet(whitelist ?? blacklist ?? [])
    const passes = whitelist !== undefined
    const reply: Reply = { status, body: { message } }

    return {
      access: (request) => (isListed(request.remoteAddress) === passes ? undefined : reply),
    }
  },
})
