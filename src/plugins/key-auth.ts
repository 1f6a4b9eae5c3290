import { Type } from '../model/schema-builder.ts'
import { fieldValue, fromFieldValue, removeField } from '../support/header-fields.ts'
import { onlyValue, withoutArgument } from '../support/query-arguments.ts'
import { definePlugin, type RequestContext } from './contract.ts'
import { createAdmission } from './identity/admission.ts'
import { anonymousConsumer, hideCredentials, realmField } from './identity/fields.ts'

const schema = Type.Object(
  {
    header: Type.String({ default: 'apikey', description: 'Field with the key.' }),
    query: Type.String({
      default: 'apikey',
      description: 'Query argument with the key, for requests without the field.',
    }),
    hide_credentials: hideCredentials,
    realm: realmField('key'),
    anonymous_consumer: anonymousConsumer,
  },
  { additionalProperties: false },
)

const consumerSchema = Type.Object(
  { key: Type.String({ minLength: 1, description: 'Says who the consumer is; unique.' }) },
  { additionalProperties: false },
)

/** Finds the consumer by a key in a field or query argument. */
export default definePlugin({
  name: 'key-auth',
  priority: 2500,
  type: 'auth',
  schema,
  consumerSchema,
  encryptFields: { fields: [], consumerFields: ['key'] },
  // Looked up, never compared: a map tells nothing of keys that differ in part. Its hashes are seeded.
  credentialKey: ({ key }) => key as string,

  create({ header, query, hide_credentials: hide, realm, anonymous_consumer: anonymous }, host) {
    const field = header.toLowerCase()
    const { admit, refuse } = createAdmission(host, `apikey realm="${realm}"`, anonymous)

    function keyIn(request: RequestContext): string | undefined {
      const inField = fieldValue(request.headers, field)
      return inField === undefined ? onlyValue(request.args, query) : fromFieldValue(inField)
    }

    function hideArgument(request: RequestContext): void {
      if (request.args.has(query)) request.query = withoutArgument(request.query, query)
    }

    function hideUsed(request: RequestContext): void {
      if (fieldValue(request.headers, field) === undefined) hideArgument(request)
      else removeField(request.headers, field)
    }

    function hideBoth(request: RequestContext): void {
      removeField(request.headers, field)
      hideArgument(request)
    }

    return {
      rewrite(request) {
        const key = keyIn(request)
        const entry = key === undefined ? undefined : host.consumers.find(key)
        if (entry !== undefined) {
          if (hide) hideUsed(request)
          return admit(request, entry)
        }
        const what = key === undefined ? 'Missing' : 'Invalid'
        const reply = refuse(request, `${what} API key in request`)
        if (reply === undefined && hide) hideBoth(request)
        return reply
      },
    }
  },
})
