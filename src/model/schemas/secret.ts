import type { Static } from 'typebox'
import { Type } from '../schema-builder.ts'
import { Timestamp } from './fragments.ts'

const IDENTITY = {
  id: Type.String({
    pattern: '^[a-z]+/[a-zA-Z0-9_.-]{1,64}$',
    expected: '"<manager>/<id>", the id of 1 to 64 characters of a-z A-Z 0-9 "-" "_" "."',
  }),
  create_time: Type.Optional(Timestamp),
  update_time: Type.Optional(Timestamp),
}

const Uri = Type.String({
  pattern: '^[^/]+://([0-9a-zA-Z.-]+|\\[[0-9a-fA-F:]+\\])(:[0-9]+)?',
  expected: 'a URL: scheme://host[:port]/…',
})

const closed = { additionalProperties: false }

const Vault = Type.Object(
  {
    ...IDENTITY,
    uri: Uri,
    prefix: Type.String(),
    token: Type.String(),
    namespace: Type.Optional(Type.String()),
    /** Seconds. */
    timeout: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
  },
  closed,
)

const Aws = Type.Object(
  {
    ...IDENTITY,
    access_key_id: Type.String(),
    secret_access_key: Type.String(),
    session_token: Type.Optional(Type.String()),
    region: Type.String({ default: 'us-east-1' }),
    endpoint_url: Type.Optional(Uri),
  },
  closed,
)

const Gcp = Type.Object(
  {
    ...IDENTITY,
    auth_config: Type.Optional(
      Type.Object(
        {
          client_email: Type.String(),
          private_key: Type.String(),
          project_id: Type.String(),
          token_uri: Type.String({ default: 'https://oauth2.googleapis.com/token' }),
          scope: Type.Array(Type.String(), {
            default: ['https://www.googleapis.com/auth/cloud-platform'],
          }),
          entries_uri: Type.String({ default: 'https://secretmanager.googleapis.com/v1' }),
        },
        closed,
      ),
    ),
    ssl_verify: Type.Boolean({ default: true }),
    auth_file: Type.Optional(Type.String()),
  },
  closed,
)

/** Each manager has fields of its own; the id says which. `if` for the sake of defaults and messages. */
const MANAGERS = [
  ['vault', Vault],
  ['aws', Aws],
  ['gcp', Gcp],
] as const

/** A secret manager: where references such as `$secret://vault/1/path/field` lead. */
export const Secret = Type.Unsafe<Static<typeof Vault> | Static<typeof Aws> | Static<typeof Gcp>>({
  type: 'object',
  required: ['id'],
  properties: { id: IDENTITY.id },
  allOf: MANAGERS.map(([name, schema]) => ({
    if: { properties: { id: { type: 'string', pattern: `^${name}/` } } },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: schema,
  })),
})
export type Secret = Static<typeof Secret>

/** Rules between fields that the schema cannot word; returns what is wrong. */
export function checkSecret(secret: Secret): string | undefined {
  const [manager = ''] = secret.id.split('/', 1)
  if (!MANAGERS.some(([name]) => name === manager)) return `invalid secret manager: ${manager}`
  if (manager !== 'gcp') return undefined
  const { auth_config, auth_file } = secret as Static<typeof Gcp>
  if ((auth_config === undefined) !== (auth_file === undefined)) return undefined
  return 'invalid configuration: exactly one of the properties "auth_config" and "auth_file" is required'
}
