import type { Static } from 'typebox'
import { Type } from '../schema-builder.ts'
import { Dictionary } from './dictionary.ts'

/**
 * Parts that several resource schemas share. `expected` is a keyword of ours: what is allowed, in
 * words; validation puts it into the reason of a refusal.
 */

/** Id of an object, and of a reference to one. An integer and its decimal string name the same object. */
export const Id = Type.Union(
  [
    Type.String({ minLength: 1, maxLength: 64, pattern: '^(?!\\.{1,2}$)[a-zA-Z0-9_.-]+$' }),
    Type.Integer({ minimum: 1 }),
  ],
  {
    expected:
      'a string of 1 to 64 characters of a-z A-Z 0-9 "-" "_" ".", not "." or "..", or an integer from 1',
  },
)
export type Id = Static<typeof Id>

const Name = Type.String({ minLength: 1, maxLength: 256 })

const Description = Type.String({ maxLength: 256 })

/** Seconds since the epoch; written by the control plane. */
export const Timestamp = Type.Integer()

const Labels = Dictionary(
  Type.String({
    minLength: 1,
    maxLength: 256,
    pattern: '^\\S+$',
    expected: 'a string without white space',
  }),
)

export const Host = Type.String({
  pattern: '^\\*$|^\\*?[0-9a-zA-Z._\\[\\]:-]+$',
  expected: 'a host name or IP address, "*" or "*.domain"',
})

export const Port = Type.Integer({ minimum: 1, maximum: 65_535 })

/** The format `client-address` is ours (validate-resource.ts): IPv4 or IPv6, optionally with /prefix. */
export const ClientAddress = Type.String({
  format: 'client-address',
  expected: 'an IPv4 or IPv6 address, or a CIDR block',
})

export const HTTP_METHODS = [
  'GET',
  'POST',
  'PUT',
  'DELETE',
  'PATCH',
  'HEAD',
  'OPTIONS',
  'CONNECT',
  'TRACE',
  'PURGE',
] as const

export const HttpMethod = Type.Enum(HTTP_METHODS, { type: 'string' })

/** 1 = enabled, 0 = disabled. */
export const Status = Type.Enum([1, 0], { type: 'integer', default: 1 })

/** Plugin configurations by plugin name; each is checked against its plugin's own schema. */
export const Plugins = Dictionary(Dictionary(Type.Unknown()))
export type Plugins = Static<typeof Plugins>

/** PEM, one certificate or a chain. */
export const CertificatePem = Type.String({ minLength: 128, maxLength: 65_536 })

export const PrivateKeyPem = Type.String({ minLength: 64, maxLength: 65_536 })

/** What every object may say of itself. */
export const METADATA = {
  id: Type.Optional(Id),
  name: Type.Optional(Name),
  desc: Type.Optional(Description),
  labels: Type.Optional(Labels),
  create_time: Type.Optional(Timestamp),
  update_time: Type.Optional(Timestamp),
}
