import { createHash, timingSafeEqual } from 'node:crypto'

/** Who a request with the admin key acts as. */
export const ADMIN_ACTOR = 'admin'

/** What a request brings to prove that it may. */
interface Credentials {
  /** `X-API-KEY` */
  header: string | string[] | undefined
  /** `?api_key=`; comes before the header, as in APISIX. */
  query: unknown
}

/** Returns what is wrong with a request's key, in APISIX's words; undefined = it is the admin's. */
export type KeyCheck = (credentials: Credentials) => string | undefined

/**
 * Checks against one key, in a time that depends on neither. APISIX takes the key from a cookie
 * too; here it does not, since a browser sends cookies on behalf of any site.
 */
export function createKeyCheck(adminKey: string): KeyCheck {
  const expected = hash(adminKey)
  return ({ header, query }) => {
    const key = query ?? header
    if (key === undefined || key === '') return 'missing apikey'
    const matches = typeof key === 'string' && timingSafeEqual(hash(key), expected)
    return matches ? undefined : 'wrong apikey'
  }
}

/** Equal lengths for timingSafeEqual, whatever is sent. */
function hash(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
