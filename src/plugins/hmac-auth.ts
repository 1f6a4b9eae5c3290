import {
  createHash,
  createHmac,
  createSecretKey,
  type KeyObject,
  timingSafeEqual,
} from 'node:crypto'
import type { Static } from 'typebox'
import { Type } from '../model/schema-builder.ts'
import { equalSecrets } from '../support/equal-secrets.ts'
import { fieldValue, fieldValues, fromFieldValue, removeField } from '../support/header-fields.ts'
import {
  type ConsumerEntry,
  definePlugin,
  type PluginHost,
  type RequestContext,
} from './contract.ts'
import { createAdmission } from './identity/admission.ts'
import { anonymousConsumer, hideCredentials, realmField } from './identity/fields.ts'
import { parseSignature, type SignatureClaim } from './identity/signature-field.ts'

const HASHES: Readonly<Record<string, string>> = {
  'hmac-sha1': 'sha1',
  'hmac-sha256': 'sha256',
  'hmac-sha512': 'sha512',
}
const ALGORITHMS = Object.keys(HASHES)

const schema = Type.Object(
  {
    allowed_algorithms: Type.Array(Type.Enum(ALGORITHMS), {
      minItems: 1,
      default: ALGORITHMS,
      description: 'Algorithms that a client may choose from.',
    }),
    clock_skew: Type.Integer({
      default: 300,
      minimum: 1,
      description: 'Seconds that the Date field may be off.',
    }),
    signed_headers: Type.Array(Type.String({ minLength: 1, maxLength: 50 }), {
      default: ['date'],
      description: 'Fields that must be signed, and `@request-target`.',
    }),
    validate_request_body: Type.Boolean({
      default: false,
      description: 'Hold the body against the Digest field.',
    }),
    max_req_body_size: Type.Integer({
      default: 67_108_864,
      minimum: 1,
      description: 'Bytes of body to read for that; 413 beyond.',
    }),
    hide_credentials: hideCredentials,
    realm: realmField('hmac'),
    anonymous_consumer: anonymousConsumer,
  },
  { additionalProperties: false },
)

const consumerSchema = Type.Object(
  {
    key_id: Type.String({ minLength: 1, maxLength: 256, description: 'Unique.' }),
    secret_key: Type.String({ minLength: 1, maxLength: 256 }),
  },
  { additionalProperties: false },
)

type Config = Static<typeof schema>

const INVALID = "client request can't be validated"
/** A key that is nobody's takes as long to refuse as a wrong signature. */
const NOBODY = createSecretKey(Buffer.from('nobody has this secret'))

/** Finds the consumer by the key that signed the request, as APISIX 3 has it signed. */
export default definePlugin({
  name: 'hmac-auth',
  priority: 2530,
  type: 'auth',
  schema,
  consumerSchema,
  encryptFields: { fields: [], consumerFields: ['secret_key'] },
  credentialKey: ({ key_id: id }) => id as string,

  create(config, host) {
    const { hide_credentials: hide, realm, validate_request_body: validatesBody } = config
    const admission = createAdmission(host, `hmac realm="${realm}"`, config.anonymous_consumer)
    const verify = createVerifier(config, host)

    function conclude(request: RequestContext, found: ConsumerEntry | string) {
      const reply =
        typeof found === 'string'
          ? admission.refuse(request, found)
          : admission.admit(request, found)
      if (reply === undefined && hide) removeField(request.headers, 'authorization')
      return reply
    }

    async function checkBody(request: RequestContext, entry: ConsumerEntry) {
      const digest = fieldValue(request.receivedHeaders, 'digest')
      if (digest === undefined) return conclude(request, INVALID)
      const body = await request.readBody(config.max_req_body_size)
      const actual = `SHA-256=${createHash('sha256').update(body).digest('base64')}`
      return conclude(request, equalSecrets(digest, actual) ? entry : INVALID)
    }

    return {
      rewrite(request) {
        const claim = parseSignature(fieldValue(request.headers, 'authorization'))
        if (typeof claim === 'string') return conclude(request, `${INVALID}: ${claim}`)
        const entry = verify(request, claim)
        if (entry === undefined) return conclude(request, INVALID)
        return validatesBody ? checkBody(request, entry) : conclude(request, entry)
      },
    }
  },
})

/** Finds whose signature it is; undefined = nobody's, too old, or not of all that must be signed. */
function createVerifier(config: Config, { consumers, now }: PluginHost) {
  const allowed = new Set<unknown>(config.allowed_algorithms)
  const mustSign = config.signed_headers
  const skewMs = config.clock_skew * 1000
  const keys = new WeakMap<object, KeyObject>()

  function keyOf({ config: credential }: ConsumerEntry): KeyObject {
    const known = keys.get(credential)
    if (known !== undefined) return known
    const key = createSecretKey(Buffer.from(credential['secret_key'] as string))
    keys.set(credential, key)
    return key
  }

  return (request: RequestContext, claim: SignatureClaim): ConsumerEntry | undefined => {
    const hash = allowed.has(claim.algorithm) ? HASHES[claim.algorithm] : undefined
    if (hash === undefined) return undefined
    const date = parseDate(fieldValue(request.receivedHeaders, 'date') ?? '')
    // Whole seconds, as the field has them. NaN is too far away as well.
    const inTime = Math.abs(Math.floor(now() / 1000) * 1000 - date) <= skewMs
    if (!inTime || !mustSign.every((name) => claim.headers.includes(name))) return undefined
    const entry = consumers.find(fromFieldValue(claim.keyId))
    const key = entry === undefined ? NOBODY : keyOf(entry)
    const expected = createHmac(hash, key).update(signedText(request, claim), 'latin1').digest()
    const { signature } = claim
    const matches = signature.length === expected.length && timingSafeEqual(signature, expected)
    return matches ? entry : undefined
  }
}

/** Key and fields, one a line. A field that is not there is left out, as in APISIX. */
function signedText(request: RequestContext, { keyId, headers }: SignatureClaim): string {
  let text = `${keyId}\n`
  for (const name of headers) {
    const values = fieldValues(request.receivedHeaders, name.toLowerCase())
    // All of a repeated field: the node gets them all.
    if (values.length > 0) text += `${name}: ${values.join(', ')}\n`
    else if (name === '@request-target') text += `${request.method} ${request.target}\n`
  }
  return text
}

const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/

/** The only form of date that clients may send (RFC 9110, section 5.6.7); NaN for all others. */
function parseDate(text: string): number {
  return HTTP_DATE.test(text) ? Date.parse(text) : Number.NaN
}
