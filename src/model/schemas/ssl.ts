import type { Static, TSchema } from 'typebox'
import { Type } from '../schema-builder.ts'
import { isSecretReference } from '../secret-reference.ts'
import { checkAuthority, checkCertificate, type PemField } from './certificate.ts'
import { CertificatePem, Host, METADATA, PrivateKeyPem, Status } from './fragments.ts'

const { name: _noName, ...WITHOUT_NAME } = METADATA

/** A text, or the reference to one: `$secret://…`, `$env://…`. */
function orReference(pem: TSchema) {
  return Type.Unsafe<string>({
    type: 'string',
    if: { pattern: '^\\$(?:secret|[eE][nN][vV])://' },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: { maxLength: 1024 },
    else: pem,
  })
}

const Certificate = orReference(CertificatePem)
const PrivateKey = orReference(PrivateKeyPem)

/** How clients prove themselves with a certificate of their own. */
const ClientVerification = Type.Object(
  {
    ca: Certificate,
    depth: Type.Integer({ minimum: 0, default: 1 }),
    skip_mtls_uri_regex: Type.Optional(
      Type.Array(Type.String(), { minItems: 1, uniqueItems: true }),
    ),
  },
  { additionalProperties: false },
)

/** A certificate: of a listener (`server`, chosen by SNI), or for upstreams that ask for one (`client`). */
export const Ssl = Type.Object(
  {
    ...WITHOUT_NAME,
    type: Type.Enum(['server', 'client'], { type: 'string', default: 'server' }),
    cert: Certificate,
    key: PrivateKey,
    sni: Type.Optional(Host),
    snis: Type.Optional(Type.Array(Host, { minItems: 1 })),
    /** Further certificates for the same names (RSA beside ECDSA), with `keys` in the same order. */
    certs: Type.Optional(Type.Array(Certificate)),
    keys: Type.Optional(Type.Array(PrivateKey)),
    client: Type.Optional(ClientVerification),
    status: Status,
    ssl_protocols: Type.Optional(
      Type.Array(Type.Enum(['TLSv1.1', 'TLSv1.2', 'TLSv1.3'], { type: 'string' }), {
        maxItems: 3,
        uniqueItems: true,
      }),
    ),
  },
  { additionalProperties: false },
)
export type Ssl = Static<typeof Ssl>

/** Rules between fields that the schema cannot word; returns what is wrong. */
export function checkSsl(ssl: Ssl): string | undefined {
  const { cert, key } = ssl
  const problem = checkPair({ name: 'cert', pem: cert }, { name: 'key', pem: key })
  if (problem || ssl.type === 'client') return problem
  return checkNames(ssl) ?? checkFurtherCertificates(ssl) ?? checkClientVerification(ssl)
}

function checkNames({ sni, snis }: Ssl): string | undefined {
  if (sni !== undefined && snis !== undefined) return 'only one of sni or snis is allowed'
  return (sni ?? snis) === undefined
    ? 'invalid configuration: property "sni" is required (or "snis")'
    : undefined
}

function checkFurtherCertificates({ certs = [], keys = [] }: Ssl): string | undefined {
  if (certs.length !== keys.length) return 'mismatched number of certs and keys'
  for (const [i, cert] of certs.entries()) {
    const problem = checkPair({ name: 'certs', pem: cert }, { name: 'keys', pem: keys[i] ?? '' })
    if (problem) return `failed to handle cert-key pair[${i + 1}]: ${problem}`
  }
  return undefined
}

function checkClientVerification({ client }: Ssl): string | undefined {
  if (client === undefined || isSecretReference(client.ca)) return undefined
  const problem = checkAuthority({ name: 'ca', pem: client.ca })
  return problem && `property "client" validation failed: ${problem}`
}

/** What a reference leads to is not known here. */
function checkPair(cert: PemField, key: PemField): string | undefined {
  if (isSecretReference(cert.pem) || isSecretReference(key.pem)) return undefined
  return checkCertificate(cert, key)
}
