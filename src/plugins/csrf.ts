import { createHash, randomBytes } from 'node:crypto'
import { Type } from '../model/schema-builder.ts'
import { equalSecrets } from '../support/equal-secrets.ts'
import { FIELD_NAME, fieldValue } from '../support/header-fields.ts'
import { definePlugin, type Reply } from './contract.ts'

const MS_PER_SECOND = 1000
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS'])

const schema = Type.Object({
  key: Type.String({ description: 'Secret that tokens are signed with.' }),
  expires: Type.Integer({
    default: 7200,
    description: 'Seconds that a token is good for; 0 or less: for ever.',
  }),
  name: Type.String({
    default: 'apisix-csrf-token',
    pattern: FIELD_NAME,
    description: 'Name of the cookie and of the header.',
  }),
})

/** Wants the cookie that it sets to come back in a header too, which other sites can't make happen. */
export default definePlugin({
  name: 'csrf',
  priority: 2_980,
  schema,
  encryptFields: { fields: ['key'] },

  create({ key, expires, name }, host) {
    const header = name.toLowerCase()
    const nowSeconds = () => Math.floor(host.now() / MS_PER_SECOND)

    function isValid(token: string): boolean {
      const { random, expires: issuedAt, sign } = decode(token)
      if (typeof sign !== 'string' || typeof issuedAt !== 'number' || !isScalar(random))
        return false
      if (expires > 0 && nowSeconds() - issuedAt > expires) return false
      return equalSecrets(sign, signatureOf(String(random), issuedAt, key))
    }

    return {
      access(request) {
        if (SAFE_METHODS.has(request.method)) return undefined
        const sent = fieldValue(request.headers, header)
        if (!sent) return refuse('no csrf token in headers')
        const cookie = request.cookies.get(name)
        if (cookie === undefined) return refuse('no csrf cookie')
        if (!equalSecrets(sent, cookie)) return refuse('csrf token mismatch')
        return isValid(cookie) ? undefined : refuse('Failed to verify the csrf token signature')
      },

      headerFilter(_, head) {
        const issuedAt = nowSeconds()
        const random = randomBytes(16).toString('hex')
        const sign = signatureOf(random, issuedAt, key)
        const token = Buffer.from(JSON.stringify({ random, expires: issuedAt, sign }))
        const until = new Date((issuedAt + expires) * MS_PER_SECOND).toUTCString()
        const cookie = `${name}=${token.toString('base64')};path=/;SameSite=Lax;Expires=${until}`
        head.headers.push('Set-Cookie', cookie)
      },
    }
  },
})

function refuse(message: string): Reply {
  return { status: 401, body: { error_msg: message } }
}

/** APISIX's form, so that its tokens stay good when traffic moves over. */
function signatureOf(random: string, issuedAt: number, key: string): string {
  const text = `{expires:${issuedAt},random:${random},key:${key}}`
  return createHash('sha256').update(text).digest('hex')
}

function isScalar(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number'
}

function decode(token: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(token, 'base64').toString())
    return value !== null && typeof value === 'object' ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
