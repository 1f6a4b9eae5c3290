/** What an Authorization field says of the signature of its request. */
export interface SignatureClaim {
  readonly keyId: string
  readonly algorithm: string
  readonly signature: Buffer
  /** Names of what was signed, as the client wrote them. */
  readonly headers: readonly string[]
}

const SCHEME = 'Signature'
const PARAMETER = /^\s*(\w+)="([^"]*)"/
/** Each takes a line of the signed text; more is not a request that anybody means. */
const MAX_HEADERS = 64

/** Reads `Signature keyId="…",algorithm="…",headers="…",signature="…"`; a text says what is wrong. */
export function parseSignature(field: string | undefined): SignatureClaim | string {
  if (field === undefined) return 'missing Authorization header'
  if (!field.startsWith(SCHEME)) return "Authorization header does not start with 'Signature'"
  const parameters = new Map<string, string>()
  for (const part of field.slice(SCHEME.length).split(',')) {
    const [, name, value] = PARAMETER.exec(part) ?? []
    if (name !== undefined && value !== undefined) parameters.set(name, value)
  }
  const headers =
    parameters
      .get('headers')
      ?.split(' ')
      .filter((name) => name !== '') ?? []
  return {
    keyId: parameters.get('keyId') ?? '',
    algorithm: parameters.get('algorithm') ?? '',
    signature: Buffer.from(parameters.get('signature') ?? '', 'base64'),
    headers: headers.length <= MAX_HEADERS ? headers : [],
  }
}
