import type { Static } from 'typebox'
import { ConfigError } from '../model/errors.ts'
import { Type } from '../model/schema-builder.ts'
import { isSecretReference } from '../model/secret-reference.ts'
import { fieldValue, removeField } from '../support/header-fields.ts'
import { onlyValue, withoutArgument } from '../support/query-arguments.ts'
import {
  type ConsumerEntry,
  definePlugin,
  type PluginHost,
  type RequestContext,
} from './contract.ts'
import { type Admission, createAdmission } from './identity/admission.ts'
import { anonymousConsumer, hideCredentials, realmField } from './identity/fields.ts'
import { isValidAt, type JsonWebToken, parseToken } from './identity/json-web-token.ts'
import { removeCookie } from './identity/remove-cookie.ts'
import { isHmac, isNotDone, readTokenKey, TOKEN_ALGORITHMS } from './identity/token-key.ts'
import { createTokenKeys } from './identity/token-keys.ts'

const schema = Type.Object(
  {
    header: Type.String({
      default: 'authorization',
      description: 'Field with the token, with or without `Bearer` before it.',
    }),
    query: Type.String({
      default: 'jwt',
      description: 'Argument, for requests without the field.',
    }),
    cookie: Type.String({ default: 'jwt', description: 'Cookie, for requests without either.' }),
    hide_credentials: hideCredentials,
    key_claim_name: Type.String({
      default: 'key',
      minLength: 1,
      description: 'Claim that names the `key` of a credential.',
    }),
    store_in_ctx: Type.Boolean({
      default: false,
      description: 'Leave the payload, as JSON, in `$jwt_auth_payload`.',
    }),
    realm: realmField('jwt'),
    anonymous_consumer: anonymousConsumer,
    claims_to_verify: Type.Optional(
      Type.Array(Type.Enum(['exp', 'nbf']), {
        uniqueItems: true,
        description: 'Claims that must be there; without any, those that are there count.',
      }),
    ),
  },
  { additionalProperties: false },
)

const consumerSchema = Type.Object(
  {
    key: Type.String({ minLength: 1, description: 'What tokens name the credential by; unique.' }),
    secret: Type.Optional(Type.String({ minLength: 1, description: 'For HS256, HS384, HS512.' })),
    public_key: Type.Optional(
      Type.String({ minLength: 1, description: 'PEM, for all other algorithms.' }),
    ),
    algorithm: Type.Enum([...TOKEN_ALGORITHMS], {
      default: 'HS256',
      description: 'The only one that tokens may be signed with.',
    }),
    exp: Type.Integer({
      default: 86_400,
      minimum: 1,
      description: 'For those who issue tokens; the gateway issues none, nor does APISIX.',
    }),
    base64_secret: Type.Boolean({ default: false, description: '`secret` is base64.' }),
    lifetime_grace_period: Type.Integer({
      default: 0,
      minimum: 0,
      description: 'Seconds that clocks may differ.',
    }),
  },
  { additionalProperties: false },
)

type Credential = Static<typeof consumerSchema>
type Found = { token: string; place: 'header' | 'query' | 'cookie' }

const WRONG = 'failed to verify jwt'
const OVERLOADED = {
  status: 503,
  headers: { 'Retry-After': '1' },
  body: { message: 'jwt can not be verified at the moment' },
}

/** Finds the consumer by a claim of a signed token (RFC 7519). */
export default definePlugin({
  name: 'jwt-auth',
  priority: 2510,
  type: 'auth',
  schema,
  consumerSchema,
  encryptFields: { fields: [], consumerFields: ['secret'] },
  credentialKey: ({ key }) => key as string,
  checkConsumer: (config) => checkCredential(config as Credential),

  create(config, host) {
    const { realm, anonymous_consumer: anonymous, hide_credentials: hide } = config
    const admission = createAdmission(host, `Bearer realm="${realm}"`, anonymous)
    const tokens = createTokenPlaces(config)
    const verify = createVerifier(config, host)

    function conclude(request: RequestContext, found: Found, outcome: ConsumerEntry | string) {
      const reply = decide(admission, request, outcome)
      if (reply === undefined && hide) tokens.hide(request, found)
      return reply
    }

    return {
      rewrite(request) {
        const found = tokens.find(request)
        if (found === undefined) return admission.refuse(request, 'Missing JWT token in request')
        const outcome = verify(request, found.token)
        if (!(outcome instanceof Promise)) return conclude(request, found, outcome)
        return outcome.then(
          (late) => conclude(request, found, late),
          (error: unknown) => {
            if (isNotDone(error)) return OVERLOADED
            throw error
          },
        )
      },
    }
  },
})

function decide(admission: Admission, request: RequestContext, outcome: ConsumerEntry | string) {
  if (typeof outcome === 'string') return admission.refuse(request, outcome)
  return admission.admit(request, outcome)
}

/** Whose a token is; a text says why it is nobody's. One text for all that only its issuer can know. */
function createVerifier(config: Static<typeof schema>, { consumers, jobs, now }: PluginHost) {
  const { key_claim_name: keyClaim, store_in_ctx: store, claims_to_verify: required = [] } = config
  const keyFor = createTokenKeys()

  function accept(
    request: RequestContext,
    { payload, payloadText }: JsonWebToken,
    entry: ConsumerEntry | undefined,
    isSigned: boolean,
  ): ConsumerEntry | string {
    if (entry === undefined || !isSigned) return WRONG
    const { lifetime_grace_period: grace } = entry.config as unknown as Credential
    if (!isValidAt(payload, required, Math.floor(now() / 1000), grace)) return WRONG
    if (store) request.setVariable('jwt_auth_payload', payloadText)
    return entry
  }

  return (request: RequestContext, text: string) => {
    const token = parseToken(text)
    if (token === undefined) return 'JWT token invalid'
    if (!Object.hasOwn(token.payload, keyClaim)) return 'missing user key in JWT token'
    const userKey = token.payload[keyClaim]
    const entry = typeof userKey === 'string' ? consumers.find(userKey) : undefined
    const key = keyFor(entry, token.algorithm)
    const signed = key === undefined ? false : key.verify(token, jobs)
    if (!(signed instanceof Promise)) return accept(request, token, entry, signed)
    return signed.then((isSigned) => accept(request, token, entry, isSigned))
  }
}

/** Where tokens are looked for. */
function createTokenPlaces({ header, query, cookie }: Static<typeof schema>) {
  const field = header.toLowerCase()
  return {
    find(request: RequestContext): Found | undefined {
      const inField = fieldValue(request.headers, field)
      if (inField !== undefined) {
        return { token: inField.replace(/^bearer +/i, ''), place: 'header' }
      }
      const inQuery = onlyValue(request.args, query)
      if (inQuery !== undefined) return { token: inQuery, place: 'query' }
      const inCookie = request.cookies.get(cookie)
      return inCookie === undefined ? undefined : { token: inCookie, place: 'cookie' }
    },

    hide(request: RequestContext, { place }: Found): void {
      if (place === 'header') removeField(request.headers, field)
      else if (place === 'query') request.query = withoutArgument(request.query, query)
      else removeCookie(request.headers, cookie)
    },
  }
}

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/

function checkCredential(credential: Credential): void {
  const { algorithm, secret, base64_secret: isBase64, public_key: publicKey } = credential
  if (isHmac(algorithm)) {
    if (secret === undefined) {
      throw invalid('property "secret" is required when using HS based algorithms')
    }
    if (isBase64 && !isSecretReference(secret) && !isDecodable(secret)) {
      throw invalid('base64_secret required but the secret is not in base64 format')
    }
  } else if (!isSecretReference(publicKey)) readTokenKey(credential)
}

function isDecodable(text: string): boolean {
  return BASE64.test(text) && text.replaceAll('=', '').length % 4 !== 1
}

function invalid(message: string): ConfigError {
  return new ConfigError('GW_CONFIG_INVALID', message)
}
