/** A signed token in compact form (RFC 7515, section 7.1), taken apart. Nothing of it is verified. */
export interface JsonWebToken {
  readonly algorithm: unknown
  readonly payload: Readonly<Record<string, unknown>>
  /** The payload as its issuer wrote it. */
  readonly payloadText: string
  /** What the signature is of. */
  readonly signed: string
  readonly signature: Buffer
}

const PARTS = /^([\w-]+)\.([\w-]+)\.([\w-]*)$/

/** Undefined for what is no token, or asks for extensions (`crit`): we know none. */
export function parseToken(text: string): JsonWebToken | undefined {
  const [, head = '', body = '', tail = ''] = PARTS.exec(text) ?? []
  if (head === '') return undefined
  const header = parseObject(decode(head)?.toString())
  const payloadText = decode(body)?.toString()
  const payload = parseObject(payloadText)
  const signature = decode(tail)
  if (header === undefined || Object.hasOwn(header, 'crit')) return undefined
  if (payloadText === undefined || payload === undefined || signature === undefined)
    return undefined
  return {
    algorithm: header['alg'],
    payload,
    payloadText,
    signed: text.slice(0, head.length + 1 + body.length),
    signature,
  }
}

/** base64url without padding; bits that stand for nothing must be zero. */
function decode(part: string): Buffer | undefined {
  const bytes = Buffer.from(part, 'base64url')
  return bytes.toString('base64url') === part ? bytes : undefined
}

function parseObject(json: string | undefined): Record<string, unknown> | undefined {
  if (json === undefined) return undefined
  try {
    const value: unknown = JSON.parse(json)
    const isObject = value !== null && typeof value === 'object' && !Array.isArray(value)
    return isObject ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** Claims about time, and what they say of a moment and a grace period, both in seconds. */
const TIME_CLAIMS: Readonly<
  Record<string, (claim: number, now: number, grace: number) => boolean>
> = {
  exp: (claim, now, grace) => claim > now - grace,
  nbf: (claim, now, grace) => claim < now + grace,
}

/**
 * True while the token is valid. Claims of `required` must be there; without any, those that are
 * there count.
 */
export function isValidAt(
  payload: JsonWebToken['payload'],
  required: readonly string[],
  nowSeconds: number,
  graceSeconds: number,
): boolean {
  const names = required.length > 0 ? required : Object.keys(TIME_CLAIMS)
  return names.every((name) => {
    const claim = Object.hasOwn(payload, name) ? payload[name] : undefined
    if (claim === undefined) return required.length === 0
    return (
      typeof claim === 'number' && TIME_CLAIMS[name]?.(claim, nowSeconds, graceSeconds) === true
    )
  })
}
