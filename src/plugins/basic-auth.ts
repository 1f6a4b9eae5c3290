import { Type } from '../model/schema-builder.ts'
import { equalSecrets } from '../support/equal-secrets.ts'
import { fieldValue, removeField } from '../support/header-fields.ts'
import { type ConsumerEntry, definePlugin, type PluginHost } from './contract.ts'
import { createAdmission } from './identity/admission.ts'
import { anonymousConsumer, hideCredentials, realmField } from './identity/fields.ts'

const schema = Type.Object(
  {
    hide_credentials: hideCredentials,
    realm: realmField('basic'),
    anonymous_consumer: anonymousConsumer,
  },
  { additionalProperties: false },
)

const consumerSchema = Type.Object(
  {
    username: Type.String({
      minLength: 1,
      description: 'Unique; need not be the name of the consumer.',
    }),
    password: Type.String({ minLength: 1 }),
  },
  { additionalProperties: false },
)

const BASIC = /^basic\s+([A-Za-z0-9+/]+={0,2})\s*$/i
/** Whoever the user is: a password that is nobody's takes as long to refuse as a wrong one. */
const NOBODY = 'nobody has this password'

/** Finds the consumer by user name and password (RFC 7617). */
export default definePlugin({
  name: 'basic-auth',
  priority: 2520,
  type: 'auth',
  schema,
  consumerSchema,
  encryptFields: { fields: [], consumerFields: ['password'] },
  credentialKey: ({ username }) => username as string,

  create({ hide_credentials: hide, realm, anonymous_consumer: anonymous }, host) {
    const { admit, refuse } = createAdmission(host, `Basic realm="${realm}"`, anonymous)

    return {
      rewrite(request) {
        const found = identify(fieldValue(request.headers, 'authorization'), host)
        const reply = typeof found === 'string' ? refuse(request, found) : admit(request, found)
        if (reply === undefined && hide) removeField(request.headers, 'authorization')
        return reply
      },
    }
  },
})

/** Whose the credentials are, or what is wrong with them. */
function identify(field: string | undefined, { consumers }: PluginHost): ConsumerEntry | string {
  if (field === undefined) return 'Missing authorization in request'
  const credentials = parse(field)
  if (credentials === undefined) return 'Invalid authorization in request'
  const { username, password } = credentials
  const entry = consumers.find(username) ?? consumers.find(withoutSpace(username))
  const secret = (entry?.config['password'] as string | undefined) ?? NOBODY
  const bare = withoutSpace(password)
  // What is compared depends on the request alone.
  const matches =
    equalSecrets(password, secret) || (bare !== password && equalSecrets(bare, secret))
  return matches && entry !== undefined ? entry : 'Invalid user authorization'
}

function parse(field: string): { username: string; password: string } | undefined {
  const [, encoded = ''] = BASIC.exec(field) ?? []
  if (encoded === '' || encoded.replaceAll('=', '').length % 4 === 1) return undefined
  const text = Buffer.from(encoded, 'base64').toString()
  const colon = text.indexOf(':')
  if (colon === -1) return undefined
  return { username: text.slice(0, colon), password: text.slice(colon + 1) }
}

/** As in APISIX, a line end or blank that a client encoded with its credentials does no harm. */
function withoutSpace(text: string): string {
  return text.replaceAll(/\s+/g, '')
}
