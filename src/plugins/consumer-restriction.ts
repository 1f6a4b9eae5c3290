import { Type } from '../model/schema-builder.ts'
import { HTTP_METHODS } from '../model/schemas/fragments.ts'
import { definePlugin, type RequestContext } from './contract.ts'

const names = (description: string) =>
  Type.Optional(Type.Array(Type.String(), { minItems: 1, description }))

const schema = Type.Object(
  {
    type: Type.Enum(['consumer_name', 'service_id', 'route_id', 'consumer_group_id'], {
      default: 'consumer_name',
      description: 'What of the request the lists name.',
    }),
    blacklist: names('Refused, whatever else is said.'),
    whitelist: names('Let in; all others are refused.'),
    allowed_by_methods: Type.Optional(
      Type.Array(
        Type.Object(
          {
            user: Type.Optional(Type.String({ description: 'Name, as in the lists.' })),
            methods: Type.Optional(
              Type.Array(Type.Enum(HTTP_METHODS), {
                minItems: 1,
                description: 'All that it may use.',
              }),
            ),
          },
          { additionalProperties: false },
        ),
        { description: 'Methods of those that no whitelist lets in; others may use all.' },
      ),
    ),
    rejected_code: Type.Integer({
      default: 403,
      minimum: 200,
      maximum: 599,
      description: 'Status of refusals.',
    }),
    rejected_msg: Type.Optional(Type.String({ description: 'Message of refusals.' })),
  },
  {
    additionalProperties: false,
    anyOf: [
      { required: ['blacklist'] },
      { required: ['whitelist'] },
      { required: ['allowed_by_methods'] },
    ],
  },
)

type Kind = 'consumer_name' | 'service_id' | 'route_id' | 'consumer_group_id'

const READERS: Readonly<Record<Kind, (request: RequestContext) => string | undefined>> = {
  consumer_name: ({ consumer }) => consumer?.username,
  service_id: ({ route }) => route?.serviceId,
  route_id: ({ route }) => route?.id,
  consumer_group_id: ({ consumer }) => consumer?.groupId,
}

/** Refuses requests by consumer, consumer group, route or service. */
export default definePlugin({
  name: 'consumer-restriction',
  priority: 2400,
  schema,

  create(config) {
    const kind = config.type as Kind
    const read = READERS[kind]
    const blacklist = new Set(config.blacklist)
    const whitelist = config.whitelist && new Set(config.whitelist)
    const methodsOf = methodsByUser(config.allowed_by_methods ?? [])
    const message = config.rejected_msg ?? `The ${kind} is forbidden.`
    const refusal = { status: config.rejected_code, body: { message } }
    const unknown = `The request is rejected, please check the ${kind} for this request`

    return {
      access(request) {
        const value = read(request)
        if (value === undefined) return { status: 401, body: { message: unknown } }
        if (blacklist.has(value)) return refusal
        if (whitelist !== undefined) return whitelist.has(value) ? undefined : refusal
        const methods = methodsOf.get(value)
        return methods === undefined || methods.has(request.method) ? undefined : refusal
      },
    }
  },
})

/** The first rule of a user counts. */
function methodsByUser(
  rules: readonly { user?: string; methods?: string[] }[],
): Map<string, ReadonlySet<string>> {
  const methodsOf = new Map<string, ReadonlySet<string>>()
  for (const { user, methods } of rules) {
    if (user !== undefined && !methodsOf.has(user)) methodsOf.set(user, new Set(methods))
  }
  return methodsOf
}
